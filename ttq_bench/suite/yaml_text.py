"""YAML as plain values, with bounds: a small file cannot grow, run anything or take long.

Aliases make one node stand in many places, and merge keys copy it, so a file of a kilobyte may
stand for more values than any memory holds. What a file stands for is therefore counted on its
graph of nodes, each once, before any value is made.
"""

import re
from typing import Any, TypeVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ttq_bench.suite.lines import Place, lines_of
from ttq_bench.text import one_line

MOST_NODES = 20_000  # the largest suite that is shipped stands for about 400
MOST_ALIASES = 200
MOST_DEPTH = 40
MOST_CHARACTERS = 2_000  # of one value
Kind = TypeVar("Kind", bound=Node)
PREFIX = "tag:yaml.org,2002:"
SURROGATE = re.compile("[\ud800-\udfff]")
BOOL = f"{PREFIX}bool"
TEXT, NUMBERS = f"{PREFIX}str", (f"{PREFIX}int", f"{PREFIX}float")
# What YAML 1.1 and 1.2, JSON and people read as the same number; the first zero of 010 is octal.
AS_WRITTEN = re.compile(
    r"[-+]?(0|[1-9][0-9]*)|[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?|[-+]?\.(inf|nan)",
    re.IGNORECASE,
)
KINDS = {PREFIX + kind for kind in ("str", "int", "float", "bool", "null", "seq", "map", "merge")}


def load_yaml(text: str) -> Any:
    """Return the one document in ``text``; ``yaml.YAMLError`` says what is wrong with it, where."""
    return load_with_lines(text)[0]


def load_with_lines(text: str) -> tuple[Any, dict[Place, int]]:
    """Return the one document in ``text`` and the line of each place in it, as ``load_yaml``."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        document = loader.construct_document(node)
        return document, dict(lines_of(node))
    except (ValueError, OverflowError, TypeError, LookupError) as error:
        # A number of 5,000 digits, a list as a key, or `!!bool maybe` and `!!int ''`.
        reason = one_line(f"{type(error).__name__}: {error}", 200)
        raise yaml.YAMLError(f"has a value that cannot be read ({reason})") from error
    finally:
        loader.dispose()


def number_in(text: str) -> int | float | None:
    """Return the number that YAML 1.1 reads in ``text`` where it was written otherwise."""
    if not re.fullmatch(r"[-+.:\w]+", text):  # nothing nested gets to the reader without bounds
        return None
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and not AS_WRITTEN.fullmatch(text) else None


class _Loader(yaml.SafeLoader):
    """The safe loader with bounds; it refuses a key that is given twice, and other kinds.

    What YAML 1.1 reads as another number than the one written (010 as 8, 10:30 as 630) stays text,
    which no field of a number takes.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.name = "the suite"  # what messages call the text
        self.depth = self.aliases = self.nodes = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Compose one node, counted; an alias is one of its own."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self.aliases += isinstance(event, yaml.AliasEvent)
        self.nodes += 1
        self.depth += 1
        if self.aliases > MOST_ALIASES:
            raise _problem(f"has more than {MOST_ALIASES} aliases", event)
        if self.nodes > MOST_NODES:
            raise _problem(f"has more than {MOST_NODES:,} values", event)
        if self.depth > MOST_DEPTH:
            raise _problem(f"is nested deeper than {MOST_DEPTH} levels", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_scalar_node(self, anchor: Any) -> ScalarNode:
        """Compose a value: a text, a number, true, false or null, and not a long one."""
        node = super().compose_scalar_node(anchor)
        if len(node.value) > MOST_CHARACTERS:
            raise _problem(f"has a value of more than {MOST_CHARACTERS:,} characters", node)
        if SURROGATE.search(node.value):
            raise _problem("has half of a surrogate pair, which is no character", node)
        if node.tag == BOOL and node.value.lower() not in yaml.SafeLoader.bool_values:
            raise _problem(f"{node.value!r} is neither true nor false", node)
        if node.tag in NUMBERS and not AS_WRITTEN.fullmatch(node.value):
            node.tag = TEXT
        return _of_known_kind(node)

    def compose_sequence_node(self, anchor: Any) -> SequenceNode:
        """Compose a list."""
        return _of_known_kind(super().compose_sequence_node(anchor))

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        """Compose a mapping; a key that is given twice is refused instead of taking the last."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):  # and never print it: it may stand for a bomb
                raise _problem("has a list or a mapping as a key", key)
            if key.value in seen:
                raise _problem(f"{key.value!r} is given twice", key)
            seen.add(key.value)
        return _of_known_kind(node)

    def compose_document(self) -> Node | None:
        """Compose the document, and measure what it stands for once its aliases are followed."""
        node = super().compose_document()
        if node is not None:
            values, levels = _expanded(node, {})
            if values > MOST_NODES:
                raise _problem(f"stands for more than {MOST_NODES:,} values with its aliases", node)
            if levels > MOST_DEPTH:
                raise _problem(f"is nested deeper than {MOST_DEPTH} levels by its aliases", node)
        return node


def _of_known_kind(node: Kind) -> Kind:
    if node.tag not in KINDS:
        kind = one_line(node.tag.removeprefix(PREFIX), most=80)
        raise _problem(f"has a value that is no text, number, list or mapping: {kind!r}", node)
    return node


def _expanded(node: Node, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Return how many values a node stands for, on how many levels; each node is measured once.

    Nodes come in the order of the file, so that an alias is met after what it stands for.
    """
    if id(node) in known:
        measured = known[id(node)]
        if measured is None:
            raise _problem("has an alias of a value inside that value", node)
        return measured
    known[id(node)] = None
    children: list[Node] = []
    if isinstance(node, SequenceNode):
        children = node.value
    elif isinstance(node, MappingNode):
        children = [part for pair in node.value for part in pair]
    parts = [_expanded(child, known) for child in children]
    values, levels = 1 + sum(v for v, _ in parts), 1 + max((n for _, n in parts), default=0)
    known[id(node)] = values, levels
    return values, levels


def _problem(what: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=place.start_mark)
