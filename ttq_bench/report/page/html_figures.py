"""Figures as SVG elements inside an HTML page, where several share one name space of ids."""

import re
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from ttq_bench.errors import ResultsError

NUMBER = re.compile(r"-?\d+\.\d{3,}")
GLYPH = re.compile(r"DejaVu[A-Za-z]+(-[A-Za-z]+)?-[0-9a-f]+")  # the same outline in all figures
MOVED = re.compile(r"translate\((-?[\d.]+)[ ,](-?[\d.]+)\)")


def figure_element(
    path: Path, number: int, glyphs: set[str], *, caption: str, caption_html: str
) -> str:
    """Return the ``<figure>`` of the SVG file at ``path``; page.js makes it zoomable.

    ``number`` is the figure's place on the page; ``caption`` is read out where nothing is seen.
    ``glyphs`` are the letters that figures before it have drawn; those that it draws are added.
    Raises ResultsError when the file is missing or is no SVG.
    """
    try:
        svg = inline_svg(path.read_text(encoding="utf-8"), f"svg{number}", caption, glyphs)
    except (OSError, ElementTree.ParseError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ResultsError(
            f"{path}: no readable figure ({why}); draw it again with `ttq-bench report`"
        ) from error
    return (
        f'<figure class="plot"><div class="view">{svg}</div>'
        f"<figcaption>{caption_html}</figcaption></figure>\n"
    )


def inline_svg(text: str, name: str, label: str, glyphs: set[str]) -> str:
    """Return an SVG file as an element for HTML, described by ``label``.

    Ids that nothing refers to are gone; others start with ``name``, but for those of letters, which
    all figures of a page share: ``glyphs`` are there already. Styles hold inside it alone, comments
    and metadata are gone, and coordinates have two decimals: a fiftieth of what a screen can show.
    """
    root = ElementTree.fromstring(text)  # noqa: S314 - this package drew it
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith("}metadata") or child.get("id") in glyphs:
                parent.remove(child)
    ids = [element.get("id", "") for element in root.iter()]
    glyphs.update(filter(GLYPH.fullmatch, ids))
    used = set(re.findall(r"#([^\s\"')]+)", text))
    for element in root.iter():
        element.tag = _local(element.tag)
        if element.get("id", "") not in used | glyphs:
            element.attrib.pop("id", None)
        element.attrib = {_local(k): _renamed(k, v, name) for k, v in element.attrib.items()}
        if element.tag == "use":
            _move(element)
        if element.tag == "style":
            element.text = f".{name} {{ {element.text} }}"
        elif element.tag not in ("text", "tspan") and not (element.text or "").strip():
            element.text = None
        if not (element.tail or "").strip():
            element.tail = None
    kept = {k: v for k, v in root.attrib.items() if k not in ("width", "height")}
    root.attrib = {"class": name, "role": "img", "aria-label": label, **kept}
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _move(use: ElementTree.Element) -> None:
    """Say where a ``<use>`` is moved by its shorter attributes."""
    moved = MOVED.fullmatch(use.get("transform", ""))
    if moved and "x" not in use.attrib and "y" not in use.attrib:
        del use.attrib["transform"]
        use.attrib |= {"x": moved[1], "y": moved[2]}
    for key in ("x", "y"):
        if key in use.attrib:
            use.set(key, NUMBER.sub(_two_decimals, use.attrib[key]))
            if use.attrib[key] in ("0", "-0"):
                del use.attrib[key]


def _local(name: str) -> str:
    """Return a name without its name space: HTML knows SVG's, and ``href`` needs none."""
    return name.rpartition("}")[2]


def _renamed(attribute: str, value: str, name: str) -> str:
    key = _local(attribute)
    if key in ("id", "href") and GLYPH.fullmatch(value.removeprefix("#")):
        return value.replace("DejaVu", "").replace("Sans", "S")
    if key == "id":
        return f"{name}.{value}"
    if key == "href" and value.startswith("#"):
        return f"#{name}.{value[1:]}"
    if key == "d":
        return NUMBER.sub(_two_decimals, " ".join(value.split()))
    return re.sub(r"url\(#", f"url(#{name}.", value)


def _two_decimals(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def figure_file(source: str, folder: Path) -> Path | None:
    """Return the SVG beside the PNG that ``source`` names, or None if it is no figure of ours."""
    found = re.fullmatch(r"figures/([^/\\]+)\.png", source)
    return folder / "figures" / f"{found[1]}.svg" if found else None


def outside_image(source: str, caption: str) -> str:
    """Return a link to an image that is no figure of ours: the page itself loads nothing."""
    return f'<a href="{escape(source)}">{escape(caption or source)}</a>'
