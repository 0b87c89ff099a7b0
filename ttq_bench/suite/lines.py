"""The line on which each field of a suite file stands, so that a message can name it.

A place is the path of a field: ``("exclude", 0, "model")``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from yaml.nodes import MappingNode, Node, SequenceNode

Place = tuple[int | str, ...]


def lines_of(node: Node, place: Place = ()) -> Iterator[tuple[Place, int]]:
    """Yield each place in ``node`` with its line, counted from 1.

    Merge keys have to be resolved in ``node``: what they bring comes first, and a field's own value
    after it.
    """
    if isinstance(node, MappingNode):
        parts = [(key.value, key, value) for key, value in node.value]
    elif isinstance(node, SequenceNode):
        parts = [(index, value, value) for index, value in enumerate(node.value)]
    else:
        return
    for name, shown, value in parts:
        yield (*place, name), shown.start_mark.line + 1
        yield from lines_of(value, (*place, name))


@dataclass(frozen=True, slots=True)
class Origin:
    """The name of a suite file for messages, and the line of each of its fields.

    A value from the command line has the line 0.
    """

    name: str
    lines: Mapping[Place, int]

    def __str__(self) -> str:
        return self.name

    def line(self, place: Place) -> int:
        """Return the line of a place, or else of the nearest field around it; 0 for none."""
        around = (place[:length] for length in range(len(place), 0, -1))
        return next((self.lines[part] for part in around if part in self.lines), 0)

    def under(self, profile: str) -> "Origin":
        """Return the origin of the fields with those of a profile laid over them."""
        start = ("profiles", profile)
        own = {place[2:]: line for place, line in self.lines.items() if place[:2] == start}
        own.pop((), None)
        return replace(self, lines={**self.lines, **own})

    def without(self, place: Place) -> "Origin":
        """Return the origin once the command line has set ``place``."""
        kept = {at: line for at, line in self.lines.items() if at[: len(place)] != place}
        return replace(self, lines={**kept, place: 0})


def line_of(where: str | Origin, place: Place) -> int:
    """Return the line of a place in a suite, 0 where none is known."""
    return where.line(place) if isinstance(where, Origin) else 0


def at(where: str | Origin, *place: int | str) -> str:
    """Return ``suites/x.yaml, line 12`` for a place in it; the name alone if no line is known."""
    line = line_of(where, place)
    return f"{where}, line {line}" if line else str(where)
