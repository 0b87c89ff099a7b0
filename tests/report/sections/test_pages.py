"""The pages as files, and as one text with the summary."""

import pytest

from ttq_bench.report.sections.pages import page_file, whole_text

SUMMARY = "# The summary\n\n[one](pages/one.md), [there](pages/two.md#deep-inside)\n\n## Part\n"
PAGES = {
    "one": "# Page one\n\nBack to the [summary](summary.md).\n\n## Deep\n",
    "two": "# Page two\n\n## Deep inside\n\n#hashtag ![x](figures/x.png)\n",
}


def test_pages_stand_below_the_summary_a_level_deeper():
    text = whole_text(SUMMARY, PAGES)
    headings = [line for line in text.splitlines() if line.startswith("#") and " " in line[:5]]
    assert headings == [
        "# The summary", "## Part", "## Page one", "### Deep", "## Page two", "### Deep inside",
    ]  # fmt: skip


def test_links_to_pages_lead_to_places_in_the_text_and_others_stay():
    text = whole_text(SUMMARY, PAGES)
    assert "[one](#page-one), [there](#deep-inside)" in text
    assert "[summary](#the-summary)" in text
    assert "![x](figures/x.png)" in text


def test_a_link_to_a_page_that_was_not_written_is_an_error():
    with pytest.raises(KeyError):
        whole_text("# S\n\n[gone](pages/gone.md)\n", {})


@pytest.mark.parametrize(
    ("link", "there"),
    [
        ("figures/a.png", "../figures/a.png"),
        ("pages/trials.md#records-of-q1", "trials.md#records-of-q1"),
        ("trials/a-1/record.json", "../trials/a-1/record.json"),
        ("#below", "#below"),
        ("https://example.org/x", "https://example.org/x"),
    ],
)
def test_links_of_a_page_lead_from_its_folder(link, there):
    text = page_file(f"# Title\n\n[a]({link}) \\[b\\](c)\n")
    assert text.endswith(f"[a]({there}) \\[b\\](c)\n")
    assert text.splitlines()[1] == "# Title"
    assert "[summary](../summary.md)" in text
