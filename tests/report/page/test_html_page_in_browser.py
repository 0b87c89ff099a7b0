"""The page in a real browser, opened from the disk: page.js, page.css and the policy together."""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from ttq_bench.report.page.html_page import html_page

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
SORTED = """
## Sorted here

| arm | error % | took |
| --- | ---: | ---: |
| layer10 | 19.53 [19.1, 19.9] | 2 h 05 min |
| layer9 | – | 45 s |
| Layer2 | 9.9 | 110 min |
| <img src=x onerror=alert(1)> | −3 | 3 min |
| layer1 | +100 (one seed: no interval) | – |
| layer3 | 1,234 | 90 min |

| a table | without rows |
| --- | --- |
"""


def _browser_path():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = f"no browser: none of {', '.join(BROWSERS)} is installed"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return found


@pytest.fixture(scope="module")
def browser():
    path = _browser_path()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=SWITCHES.split())
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(drawn, tmp_path_factory):
    root = tmp_path_factory.mktemp("page") / "results"
    shutil.copytree(drawn / "results", root)
    text = (root / "summary.md").read_text(encoding="utf-8") + SORTED
    names = ("accuracy", "comparison", "scales", "asymmetry")
    tables = {name: pd.read_csv(root / "tables" / f"{name}.csv") for name in names}
    tables["near"] = pd.DataFrame({"name": [*"bca"], "value": [0.12341, 0.12342, -np.inf]})
    tables["near"].to_csv(root / "tables" / "near.csv")
    path = root / "report.html"
    path.write_text(html_page(text, root, tables), encoding="utf-8")
    return path


@pytest.fixture
def page(browser, report):
    """An opened page; at the end, it must have asked for nothing and complained of nothing."""
    page, requests, errors = browser.new_page(), [], []
    page.set_default_timeout(5_000)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
    page.goto(report.as_uri())
    yield page
    page.close()
    assert requests == [report.as_uri()]
    assert errors == []


@pytest.fixture
def table(page):
    return page.locator("#sorted-here ~ .scroll table").first


def _column(table, number):
    return table.locator(f"tbody td:nth-child({number})").all_inner_texts()


@pytest.mark.parametrize(
    ("name", "number", "ascending", "descending"),
    [
        (
            "error %",
            2,
            ["−3", "9.9", "19", "+100", "1,2", "–"],
            ["1,2", "+100", "19", "9.9", "−3", "–"],
        ),
        ("took", 3, ["45", "3 ", "90", "110", "2 h", "–"], ["2 h", "110", "90", "3 ", "45", "–"]),
        (
            "arm",
            1,
            ["<img", "layer1", "La", "layer3", "layer9", "layer10"],
            ["layer10", "layer9", "layer3", "La", "layer1", "<img"],
        ),
    ],
)
def test_a_head_sorts_up_then_down_then_as_it_was(table, name, number, ascending, descending):
    head = table.locator("th").nth(number - 1)
    before = _column(table, number)
    for order, wanted in (("ascending", ascending), ("descending", descending)):
        head.get_by_role("button", name=name).press("Enter")
        assert head.get_attribute("aria-sort") == order
        shown = _column(table, number)
        assert [cell[: len(start)] for cell, start in zip(shown, wanted, strict=True)] == wanted
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "none"
    assert _column(table, number) == before


def test_another_head_takes_the_sorting_over(table):
    table.get_by_role("button", name="error").click()
    table.get_by_role("button", name="arm").click()
    orders = [head.get_attribute("aria-sort") for head in table.locator("th").all()]
    assert orders == ["ascending", "none", "none"]


def test_numbers_in_a_data_table_sort_by_all_their_digits(page):
    page.locator("#near + details summary").click()
    table = page.locator("#near + details table")
    table.get_by_role("button", name="value", exact=True).click()
    assert _column(table, 1) == ["a", "b", "c"]
    assert _column(table, 2) == ["-inf", "0.1234", "0.1234"]


def test_the_filter_keeps_rows_with_all_its_words_and_counts_them(page, table):
    filtered = page.locator("#sorted-here ~ .filter").first
    field, count = filtered.get_by_label("Filter rows"), filtered.locator("output")
    assert count.inner_text() == "6 rows"
    field.fill("LAYER  min")
    assert count.inner_text() == "3 of 6 rows"
    visible = [row for row in table.locator("tbody tr").all() if row.is_visible()]
    assert [row.inner_text().split("\t")[0] for row in visible] == ["layer10", "Layer2", "layer3"]
    table.get_by_role("button", name="error").click()
    assert count.inner_text() == "3 of 6 rows"
    assert sum(row.is_visible() for row in table.locator("tbody tr").all()) == 3
    field.fill("")
    assert count.inner_text() == "6 rows"


def _seen(svg):
    return [float(number) for number in svg.get_attribute("viewBox").split()]


def _drawn(box, seen):
    """Return pixels a unit of the figure, and how far its left edge lies from that of its box."""
    scale = min(box["width"] / seen[2], box["height"] / seen[3])
    return scale, (box["width"] - scale * seen[2]) / 2


def test_buttons_and_keys_zoom_a_figure_and_reset_it(page):
    figure = page.locator(".plot").first
    svg = figure.locator("svg")
    whole = _seen(svg)
    figure.get_by_role("button", name="Zoom in").press("Enter")
    assert _seen(svg)[2:] == pytest.approx([whole[2] / 1.5, whole[3] / 1.5])
    figure.get_by_role("button", name="Zoom out").click()
    assert _seen(svg) == pytest.approx(whole)
    figure.locator(".view").press("+")
    figure.locator(".view").press("ArrowLeft")
    assert _seen(svg)[0] == pytest.approx(whole[2] / 6 - whole[2] / 15)
    figure.get_by_role("button", name="Reset zoom").click()
    assert _seen(svg) == whole


def test_the_wheel_scrolls_the_page_until_the_figure_is_clicked_then_zooms_at_the_pointer(page):
    view = page.locator(".plot .view").first
    svg = view.locator("svg")
    whole = _seen(svg)
    view.scroll_into_view_if_needed()
    view.hover()
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 100)
    page.wait_for_function("before => scrollY > before", arg=before)
    assert _seen(svg) == whole
    view.click()
    box, scrolled = svg.bounding_box(), page.evaluate("scrollY")
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -400)
    page.wait_for_function(
        "([svg, wide]) => svg.viewBox.baseVal.width < wide / 2",
        arg=[svg.element_handle(), whole[2]],
    )
    x, _, width, _ = _seen(svg)
    assert width == pytest.approx(whole[2] / 2.71828, rel=1e-3)
    (scale, left), (zoomed, _) = _drawn(box, whole), _drawn(box, _seen(svg))
    pointer = box["width"] / 4 - left
    assert x + pointer / zoomed == pytest.approx(pointer / scale, rel=0.01)
    assert page.evaluate("scrollY") == scrolled


def test_a_zoomed_figure_follows_the_mouse_within_its_frame_and_a_double_click_resets_it(page):
    view = page.locator(".plot .view").first
    svg = view.locator("svg")
    whole = _seen(svg)
    view.press("+")
    x, y, *_ = _seen(svg)
    box = svg.bounding_box()
    scale, _ = _drawn(box, _seen(svg))
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 100)
    assert _seen(svg)[:2] == pytest.approx([x + 40 / scale, y], rel=0.01)
    page.mouse.move(box["x"] + 5000, box["y"] + 5000)
    page.mouse.up()
    assert _seen(svg)[:2] == whole[:2]
    view.dblclick()
    assert _seen(svg) == whole


def test_links_lead_to_files_that_exist_and_anchors_to_headings(page, report):
    links = page.evaluate("[...document.links].map(a => a.href)")
    files = [urlparse(link) for link in links]
    assert len([f for f in files if f.path.endswith("record.json")]) > 10
    assert [f.path for f in files if not Path(unquote(f.path)).exists()] == []
    assert (
        page.evaluate(
            "[...document.querySelectorAll('a[href^=\"#\"]')]"
            ".filter(a => !document.getElementById(decodeURIComponent(a.hash.slice(1)))).length"
        )
        == 0
    )


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_sticks_out_of_the_window(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_policy_stops_a_script_that_is_not_the_pages_own(browser, report, tmp_path):
    text = report.read_text(encoding="utf-8")
    changed = tmp_path / "changed.html"
    changed.write_text(re.sub("</main>", "</main><script>document.title = 'run'</script>", text))
    page = browser.new_page()
    page.goto(changed.as_uri())
    assert page.title() != "run"
    assert page.locator("th button").count() > 0
    page.close()
