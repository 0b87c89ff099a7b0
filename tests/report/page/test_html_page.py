"""The page as text: whole, harmless, and complete without its script."""

import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ttq_bench.errors import ResultsError
from ttq_bench.report.figures.style import figure_style
from ttq_bench.report.page.html_page import html_page

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
VOID = {"meta", "wbr", "br", "hr", "img", "link", "input"}
TEXT = """# What *is* found

See [the rest](#what-is-found-1) and **this**.

## What is found

| arm | error % | note | log |
| --- | ---: | ---: | ---: |
| a \\| b | 19.53 [19.1, 19.9] | slow | 9 % at the end, and so much less in the middle |
| **c** | – | 3 times | 1 |

## What is found

![W_p over the epochs](figures/one.png)

W_p over the epochs. ([SVG](figures/one.svg))

![Again](figures/two.png)

Not its caption.

![elsewhere](https://example.org/x.png)
"""


# The end tags that HTML lets a page leave out, by the tag that ends them.
ENDED_BY = {"td": ("td",), "tr": ("td", "tr"), "/tbody": ("td", "tr")}


class Outline(HTMLParser):
    """What a page is made of; fails on a tag that closes what is not open."""

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.links, self.tags, self.text = [], [], [], [], ""
        self.feed(page)
        self.close()

    def end(self, tag):
        while self.open and self.open[-1] in ENDED_BY.get(tag, ()):
            self.open.pop()

    def handle_starttag(self, tag, attrs):
        self.end(tag)
        self.open += [] if tag in VOID else [tag]
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href" and tag in ("a", "use")]

    def handle_endtag(self, tag):
        self.end(f"/{tag}")
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    (root / "figures").mkdir()
    with figure_style():
        figure = Figure()
        axes = figure.subplots()
        axes.plot(np.sin(np.arange(50.0)))  # leaves its frame unless clipped: clip-path by id
        axes.set_title(ATTACK)
        figure.savefig(root / "figures" / "one.svg")
    shutil.copy(root / "figures" / "one.svg", root / "figures" / "two.svg")
    (root / "trials" / "t 1").mkdir(parents=True)
    (root / "trials" / "t 1" / "record.json").write_text("{}")
    return root


@pytest.fixture(scope="module")
def page(folder):
    frame = pd.DataFrame(
        {
            "trial_id": ["t 1", ATTACK, "gone"],
            "parent": [None, "t 1", ""],
            "error_percent": [19.123456, 123456.7, float("nan")],
            "seed": [1, 2, 3],
            "share": [1 / 3, 0.5, 1.0],
            "model": ["resnet20"] * 3,
            ATTACK: ["x", "y", "z"],
        }
    )
    return html_page(f"{TEXT}\n{ATTACK}\n", folder, {"accuracy": frame})


def test_every_tag_is_closed_and_every_id_is_used_once(page):
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) >= 6
    assert len(set(outline.ids)) == len(outline.ids)


def test_every_reference_within_the_page_has_its_target(page):
    outline = Outline(page)
    named = re.findall(r"url\(#([^)]+)\)", page)
    assert named
    assert any(name.startswith("f2.") for name in named)
    inside = [link[1:] for link in outline.links if link.startswith("#")]
    assert [name for name in named + inside if name not in outline.ids] == []


def test_no_element_loads_anything_and_the_policy_forbids_it(page):
    tags = Outline(page).tags
    assert [t for t, a in tags if t in ("link", "img", "image", "iframe", "base")] == []
    assert [(t, a) for t, a in tags if "src" in a or "xlink:href" in a] == []
    policy = next(a["content"] for t, a in tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "style-src 'sha256-" in policy
    assert [(t, a) for t, a in tags if "style" in a] == []


def test_text_of_others_is_shown_never_run(page):
    outline = Outline(page)
    assert [t for t, _ in outline.tags].count("script") == 1
    assert [a for _, a in outline.tags if any(name.startswith("on") for name in a)] == []
    # A paragraph, a trial's id, the name of a column, the titles of two figures.
    assert outline.text.count(ATTACK) == 5


def test_headings_have_ids_as_on_github_and_those_of_level_two_are_listed(page):
    nav = page[page.index("<nav") : page.index("</nav>")]
    assert re.findall(r'href="([^"]+)"', nav) == [
        "#what-is-found-1",
        "#what-is-found-2",
        "#all-trials",
    ]
    assert '<h1 id="what-is-found">' in page


def test_a_column_is_right_aligned_when_it_holds_numbers(page):
    assert '<td class="num">19.53 [19.1, 19.9]</td>' in page
    assert "<td>a | b</td>" in page
    assert "<td>slow</td>" in page
    assert '<td class="long">9 % at the end' in page


def test_a_figure_is_drawn_in_place_with_its_caption_once(page):
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == 2
    assert 'role="img" aria-label="W_p over the epochs"' in figures[0]
    caption = 'W_p over the epochs. (<a href="figures/one.svg">SVG</a>)'
    assert figures[0].endswith(f"<figcaption>{caption}</figcaption></figure>")
    assert page.count("W_p over the epochs.") == 1
    assert figures[1].endswith("<figcaption>Again</figcaption></figure>")
    assert "<p>Not its caption.</p>" in page
    assert '<a href="https://example.org/x.png">elsewhere</a>' in page


def test_a_style_is_written_once_for_all_figures(page):
    styles = dict(re.findall(r"^\.(s\d+) \{(.*)\}$", page, re.MULTILINE))
    assert len(set(styles.values())) == len(styles) > 5
    first, second = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    used = set(re.findall(r'class="([^"]+)"', first))
    assert used == set(re.findall(r'class="([^"]+)"', second)) == set(styles)


def test_ground_frame_and_letters_of_a_figure_follow_the_page_and_data_keep_their_colour(page):
    styles = re.findall(r"^\.s\d+ \{(.*)\}$", page, re.MULTILINE)
    assert "fill: var(--ground)" in styles
    assert [style for style in styles if "font-size" in style and "fill: var(--text)" in style]
    assert [style for style in styles if "stroke: #4c72b0" in style or "stroke: #1f77b4" in style]
    for colour in ("#ffffff", "#262626", "#cccccc"):
        assert colour not in "".join(styles)


def test_a_verdict_is_a_chip_and_other_emphasis_is_not(folder):
    text = "proxy evidence: *supported*, **contradicted**, *not run*, *size*, supported"
    page = html_page(text, folder, {})
    assert '<em class="verdict supported">supported</em>' in page
    assert '<strong class="verdict contradicted">contradicted</strong>' in page
    assert '<em class="verdict not-run">not run</em>' in page
    assert "<em>size</em>, supported" in page


def test_a_figure_loses_its_metadata_and_digits_that_nobody_sees(page):
    assert "rdf" not in page
    paths = re.findall(r' d="([^"]+)"', page)
    assert paths
    assert [path for path in paths if re.search(r"\.\d{3}", path)] == []


def ends(page):
    """Return the cells of data tables: each ends where the next one, or another row, begins."""
    return [cell.strip() for cell in re.findall(r"<td[^\n]*?(?=<td|\n)", page)]


def test_cells_show_four_digits_and_keep_eight(page):
    cells = ends(page)
    assert '<td class="num" title="19.123456">19.12' in cells
    assert '<td class="num" title="0.33333333">0.3333' in cells
    assert '<td class="num" title="123456.7">123457' in cells
    assert '<td class="num">–' in cells
    assert '<td class="num">3' in cells


def test_trials_are_linked_where_they_have_a_record(page):
    cells = ends(page)
    assert page.count('<a href="trials/t%201/record.json">t 1</a>') == 2
    assert "<td>gone" in cells


def test_what_every_row_says_is_said_once(page):
    assert "The same in every row: model = resnet20." in page
    assert page.count("resnet20") == 1


def test_a_table_too_long_for_a_page_is_a_link(folder):
    page = html_page("# x", folder, {"epochs": pd.DataFrame({"epoch": range(2001)})})
    assert "2,001 rows" in page
    assert 'href="tables/epochs.csv"' in page
    assert "<td" not in page


def test_tables_without_rows_and_pages_without_tables_are_pages(folder):
    page = html_page("", folder, {"scales": pd.DataFrame()})
    assert "No rows" in page
    assert Outline(html_page("", folder, {})).open == []


def test_the_same_input_gives_the_same_bytes(folder):
    frame = pd.DataFrame({"a": [0.1, 2.0]})
    assert html_page(TEXT, folder, {"x": frame}) == html_page(TEXT, folder, {"x": frame.copy()})


def test_a_figure_that_is_missing_or_broken_is_named(folder, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "results")
    (folder / "figures" / "two.svg").write_text("<svg")
    with pytest.raises(ResultsError, match=r"two\.svg: no readable figure"):
        html_page(TEXT, folder, {})
    (folder / "figures" / "two.svg").unlink()
    with pytest.raises(ResultsError, match=r"two\.svg: no readable figure \(No such file"):
        html_page(TEXT, folder, {})
