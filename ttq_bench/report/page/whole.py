"""The summary and all pages as one text, whose links to pages lead to places within it."""

import re
from collections.abc import Mapping

from ttq_bench.report.sections.markdown import anchor

HEADING = re.compile(r"^(?=#{1,5} )", re.MULTILINE)
PAGE = re.compile(r"(?<!\\)\]\((?:pages/([\w-]+)|summary)\.md(#[\w-]+)?\)")


def whole_text(summary: str, pages: Mapping[str, str]) -> str:
    """Return ``summary`` and below it each of the ``pages``, by name, a level deeper.

    Raises KeyError for a link to a page that is not there.
    """
    titles = {name: _title(text) for name, text in pages.items()} | {None: _title(summary)}
    parts = [summary, *(HEADING.sub("#", text) for text in pages.values())]

    def place(link: re.Match[str]) -> str:
        return f"]({link[2] or '#' + anchor(titles[link[1]])})"

    return PAGE.sub(place, "\n".join(parts))


def _title(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ")
