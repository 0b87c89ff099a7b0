"""Figures as SVG elements inside an HTML page: they share its name space of ids, and its styles."""

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from ttq_bench.errors import ResultsError

NUMBER = re.compile(r"-?\d+\.\d{3,}")
REFERENCE = re.compile(r"#([^\s\"')]+)")
# What is neither data nor its colour follows the page, which may be dark.
COLOURS = {
    "#ffffff": "var(--ground)",
    "#000000": "var(--text)",
    "#262626": "var(--text)",
    **dict.fromkeys(("#404040", "#4c4c4c", "#595959", "#666666"), "var(--quiet)"),
    "#cccccc": "var(--line)",
    **dict.fromkeys(("#e0e0e0", "#e6e6e6"), "var(--span)"),
}


class Styles:
    """The styles of a page's figures: each is written once and has a class of its own."""

    def __init__(self) -> None:
        self._classes: dict[str, str] = {}

    def class_of(self, style: str) -> str:
        """Return the class of the elements with the declarations ``style``."""
        return self._classes.setdefault(style, f"s{len(self._classes)}")

    def rules(self) -> str:
        """Return the rules of all classes, colours of frame and letters as the page has them."""
        rules = "".join(f".{name} {{{style}}}\n" for style, name in self._classes.items())
        return re.sub(r"#[0-9a-f]{6}\b", lambda found: COLOURS.get(found[0], found[0]), rules)


def figure_element(
    path: Path, number: int, styles: Styles, *, caption: str, caption_html: str
) -> str:
    """Return the ``<figure>`` of the SVG file at ``path``; page.js makes it zoomable.

    ``number`` is the figure's place on the page; ``caption`` is read out where nothing is seen.
    ``styles`` takes those of its elements. Raises ResultsError when the file is missing or is no
    SVG.
    """
    try:
        svg = inline_svg(path.read_text(encoding="utf-8"), f"f{number}", caption, styles)
    except (OSError, ElementTree.ParseError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ResultsError(
            f"{path}: no readable figure ({why}); draw it again with `ttq-bench report`"
        ) from error
    return (
        f'<figure class="plot"><div class="view">{svg}</div>'
        f"<figcaption>{caption_html}</figcaption></figure>\n"
    )


def inline_svg(text: str, name: str, label: str, styles: Styles) -> str:
    """Return an SVG file as an element for HTML, described by ``label``.

    Ids that nothing refers to are gone, the others are short and start with ``name``; style
    attributes are classes of ``styles``. Comments, metadata and style sheets are gone (page.css has
    Matplotlib's), and coordinates have two decimals: a fiftieth of what a screen can show.
    """
    root = ElementTree.fromstring(text)  # noqa: S314 - this package drew it
    used = dict.fromkeys(REFERENCE.findall(text))
    ids = {old: f"{name}.{number}" for number, old in enumerate(used)}
    for element in root.iter():
        for child in list(element):
            if child.tag.endswith(("}metadata", "}style")):
                element.remove(child)
        element.tag = _local(element.tag)
        element.attrib = {
            _local(key): _renamed(_local(key), value, ids)
            for key, value in element.attrib.items()
            if key != "id" or value in ids
        }
        if "style" in element.attrib:
            element.set("class", styles.class_of(element.attrib.pop("style")))
        if element.tag not in ("text", "tspan") and not (element.text or "").strip():
            element.text = None
        if not (element.tail or "").strip():
            element.tail = None
    kept = {k: v for k, v in root.attrib.items() if k not in ("width", "height")}
    root.attrib = {"role": "img", "aria-label": label, **kept}
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _local(name: str) -> str:
    """Return a name without its name space: HTML knows SVG's, and ``href`` needs none."""
    return name.rpartition("}")[2]


def _renamed(key: str, value: str, ids: Mapping[str, str]) -> str:
    if key == "id":
        return ids[value]
    if key in ("href", "clip-path"):
        return REFERENCE.sub(lambda found: f"#{ids.get(found[1], found[1])}", value)
    return NUMBER.sub(_two_decimals, " ".join(value.split())) if key in ("d", "x", "y") else value


def _two_decimals(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def figure_file(source: str, folder: Path) -> Path | None:
    """Return the SVG beside the PNG that ``source`` names, or None if it is no figure of ours."""
    found = re.fullmatch(r"figures/([^/\\]+)\.png", source)
    return folder / "figures" / f"{found[1]}.svg" if found else None


def outside_image(source: str, caption: str) -> str:
    """Return a link to an image that is no figure of ours: the page itself loads nothing."""
    return f'<a href="{escape(source)}">{escape(caption or source)}</a>'
