"""The report as one HTML file that needs no network: the summary, its figures, and the tables.

Everything on it comes from the Markdown summary, the SVG files and the data frames; page.js only
adds sorting, searching and zooming, so the page can be read and printed without it.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ttq_bench.report.page.html_figures import Styles, figure_element, figure_file, outside_image
from ttq_bench.report.page.html_tables import LONG_TEXT, table_section, table_title

VERDICTS = ("supported", "contradicted", "undecided", "not run")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
<style id="drawings">
{drawings}</style>
</head>
<body>
<nav aria-label="Contents"><details><summary>Contents</summary>
<ul>
{contents}
</ul>
</details></nav>
<main>
{body}</main>
<script>
{script}</script>
</body>
</html>
"""


def html_page(markdown: str, folder: Path, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the page of the summary ``markdown``, to be written into the results ``folder``.

    Images of ``figures/NAME.png`` become the SVG of that name; ``tables`` (name of the CSV file to
    its rows) follow the text. Raises ResultsError when a figure's SVG cannot be read.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("image", _image)
    parser.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = parser.parse(markdown)
    _align_tables(tokens)
    _mark_verdicts(tokens)
    styles = _put_figures(tokens, parser, folder)
    for name, table in tables.items():
        tokens += parser.parse(f"## {table_title(name)}")
        tokens.append(_html(table_section(name, table, folder)))
    headings = _name_headings(tokens)
    assets = files("ttq_bench.report.page")
    script = assets.joinpath("page.js").read_text(encoding="utf-8")
    style = assets.joinpath("page.css").read_text(encoding="utf-8")
    drawings = styles.rules()
    return PAGE.format(
        policy=_policy(f"\n{script}", f"\n{style}", f"\n{drawings}"),
        title=escape(next((text for _, level, text in headings if level == "h1"), "Results")),
        style=style,
        drawings=drawings,
        contents="\n".join(
            f'<li><a href="#{escape(slug)}">{escape(text)}</a></li>'
            for slug, level, text in headings
            if level == "h2"
        ),
        body=parser.renderer.render(tokens, parser.options, {}),
        script=script,
    )


def _policy(script: str, *styles: str) -> str:
    """Return a policy that forbids every request, every script and every style but these."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {' '.join(map(_hash, styles))};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _name_headings(tokens: Sequence[Token]) -> list[tuple[str, str, str]]:
    """Give each heading an id as on GitHub; return id, tag and text of each."""
    named: dict[str, tuple[str, str, str]] = {}
    for heading, inline in pairwise(tokens):
        if heading.type != "heading_open":
            continue
        text = "".join(c.content for c in inline.children or [] if c.type != "softbreak")
        first = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") or "section"
        slug, again = first, 0
        while slug in named:
            again += 1
            slug = f"{first}-{again}"
        heading.attrSet("id", slug)
        named[slug] = (slug, heading.tag, text)
    return list(named.values())


def _align_tables(tokens: Sequence[Token]) -> None:
    """Right-align the columns of short cells that start with a number: ``19.5 [19.1, 19.9]``.

    The summary asks for that in other columns too; in those, long text is kept from getting narrow.
    """
    rows: list[list[tuple[Token, str]]] = []
    for cell, inline in pairwise(tokens):
        if cell.type == "table_open":
            rows = []
        elif cell.type == "tr_open":
            rows.append([])
        elif cell.type in ("th_open", "td_open"):
            rows[-1].append((cell, inline.content))
        elif cell.type == "table_close":
            for head, *column in zip(*rows, strict=True):
                right = "right" in str(head[0].attrs.get("style")) and all(
                    re.match(r"[+−-]?\d.{,40}$|–?$", text) for _, text in column
                )
                for token, text in [head, *column]:
                    kind = "num" if right else "long" if len(text) > LONG_TEXT else ""
                    token.attrs = {"class": kind} if kind else {}


def _mark_verdicts(tokens: Sequence[Token]) -> None:
    """Give each verdict that stands by itself in emphasis the class of its colour."""
    for token in tokens:
        for opening, text in pairwise(token.children or []):
            if opening.type in ("em_open", "strong_open") and text.content in VERDICTS:
                opening.attrSet("class", f"verdict {text.content.replace(' ', '-')}")


def _put_figures(tokens: list[Token], parser: MarkdownIt, folder: Path) -> Styles:
    """Replace each paragraph of one image, and the caption below that links its SVG, by both.

    Returns the styles of these figures.
    """
    lone = [i for i, token in enumerate(tokens) if _figure_source(token, folder)]
    styles = Styles()
    removed = 0
    for number, found in enumerate(lone, 1):
        place = found - removed
        path = _figure_source(tokens[place], folder)
        assert path is not None
        image = (tokens[place].children or [])[0]
        caption = "".join(part.content for part in image.children or [])
        caption_html, end = escape(caption), place + 2
        below = next(iter(tokens[end + 1 : end + 2]), image)
        if below.type == "inline" and below.content.endswith(f"([SVG](figures/{path.name}))"):
            caption_html = parser.renderer.render([below], parser.options, {})
            end += 3
        html = figure_element(path, number, styles, caption=caption, caption_html=caption_html)
        tokens[place - 1 : end] = [_html(html)]
        removed += end - place
    return styles


def _figure_source(token: Token, folder: Path) -> Path | None:
    images = token.children or []
    if token.type != "inline" or len(images) != 1 or images[0].type != "image":
        return None
    return figure_file(str(images[0].attrs["src"]), folder)


def _html(content: str) -> Token:
    return Token("html_block", "", 0, content=content)


def _image(_self: object, tokens: Sequence[Token], place: int, *_: Any) -> str:
    return outside_image(str(tokens[place].attrs["src"]), tokens[place].content)
