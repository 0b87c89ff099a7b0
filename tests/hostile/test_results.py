"""Results folders of strangers, shown to every command that reads one."""

import contextlib
import csv
import re

import pydantic
import pytest

from tests.hostile.results_cases import READ_BY_ALL, REFUSED, SHOWN
from tests.hostile.results_folders import ESCAPES, SCRIPT, good, with_text
from tests.hostile.room import CONTROL, SUMMARY_TAG, refused, told, told_bounded
from tests.tiers import slow_but
from tests.tiny_suite import tiny_specs, write_suite
from ttq_bench.records.reported_spec import ReportedSpec

# What a page of ours never has, whatever the records say.
PAGE_HARM = re.compile(r"<script>alert|<img|<iframe|javascript:|\son\w+=|<b>", re.IGNORECASE)
QUICK = (
    "a script as a dataset", "no JSON", "a record behind a link", "a table of other columns",
    "a pickle as a table", "a script as the layer of a probe", "a plan of numbers",
)  # fmt: skip


def harmed(room, case):
    good(room)
    REFUSED[case][0](room)


@pytest.mark.parametrize("case", slow_but(QUICK, sorted(REFUSED)))
def test_a_report_of_it_is_refused_in_words(room, capsys, case):
    harmed(room, case)
    refused(told(room, capsys, "report", "--results", room.results), 2, REFUSED[case][1])
    assert not (room.results / "report.html").exists()


def with_harm(harm, value, place=()):
    """Yield each copy of a spec that has ``harm`` in the place of one value, and that place."""
    parts = value if isinstance(value, dict) else dict(enumerate(value))
    for name, part in parts.items():
        if isinstance(part, dict | list) and part:
            copies = with_harm(harm, part, (*place, name))
        else:
            copies = [(harm, (*place, name))]
        for changed, changed_place in copies:
            whole = {**parts, name: changed}
            yield (whole if isinstance(value, dict) else [*whole.values()]), changed_place


@pytest.mark.parametrize("harm", [SCRIPT, "x](javascript:alert(1))", ESCAPES])
def test_no_field_of_a_spec_takes_harm_but_the_fingerprint_that_is_escaped(cache, harm):
    spec = tiny_specs(cache)[1].model_dump(mode="json")
    taken = set()
    for changed, place in with_harm(harm, spec):
        with contextlib.suppress(pydantic.ValidationError):
            if repr(harm) in repr(ReportedSpec.model_validate(changed).model_dump()):
                taken.add(place)
    assert taken == {("data_fingerprint",)}  # that a page shows it as text: SHOWN


@pytest.fixture
def shown(room):
    good(room)
    for harm in SHOWN:
        harm(room)


@pytest.mark.slow
def test_what_is_shown_is_shown_as_text_in_place_of_a_page_that_is_listed_as_ours(
    room, shown, capsys
):
    with_text("report.html", SCRIPT)(room)
    with_text("report.sha256", f"{'0' * 64}  report.html\n")(room)
    done = told(room, capsys, "report", "--results", room.results)
    assert done.code == 0, done.text
    for path in [room.results / "summary.md", *room.results.glob("pages/*.md")]:
        text = path.read_text()
        assert not SUMMARY_TAG.search(text), path
        assert not CONTROL.search(text), path
    for path in [*room.results.glob("tables/*.csv"), room.results / "report.html"]:
        assert not CONTROL.search(path.read_text(encoding="utf-8")), path
    page = (room.results / "report.html").read_text()
    assert SCRIPT not in page
    words = re.sub(r"<script>.*?</script>", "", page, count=1, flags=re.DOTALL)  # our own
    drawn = re.sub(r"<svg\b.*?</svg>", "", words, flags=re.DOTALL)
    assert not PAGE_HARM.search(re.sub(r"(?<=>)[^<]*", "", drawn)), "in tags"
    assert "<script" not in drawn
    for table in (room.results / "tables").iterdir():
        rows = csv.reader(table.read_text().splitlines())
        cells = [cell for row in rows for cell in row if not re.fullmatch(r"-(inf|[\d.e-]+)", cell)]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert "evil.svg" not in page


def commands(room):
    """The words of every command that reads results and may be shown those of a stranger."""
    at = ["--results", room.results]
    return [
        ["status", *at],
        ["verify", *at],
        ["plan", write_suite(room.data), *at],
        ["compare", room.results, room.results],
        ["probe", *at, "--threads", 1],
        ["networks", *at],
        ["export-runs", "--csv", room.results / "csv", *at],
        ["export-runs", "--tensorboard", room.results / "tensorboard", *at],
        ["export", "ttq-0", *at, "--to", room.results / "out"],
    ]


@pytest.mark.slow
@pytest.mark.parametrize("case", READ_BY_ALL)
def test_every_command_that_reads_it_ends_in_words(room, capsys, case):
    harmed(room, case)
    # A comparison does not read plans.
    allowed = {"verify": (2, 6), "compare": (0, 2) if "plan" in case else (2,)}
    for words in commands(room):
        done = told(room, capsys, *words)
        assert done.code in allowed.get(words[0], (0, 2)), f"{words}: {done.text}"
        assert done.err.count("ttq-bench: ") == (done.code != 0), words


@pytest.mark.slow
def test_every_command_shows_it_as_text(room, shown, capsys):
    for words in commands(room):
        done = told(room, capsys, *words)
        assert done.code in ((0, 6) if words[0] == "verify" else (0, 2)), f"{words}: {done.text}"
        assert done.err.count("ttq-bench: ") == (done.code != 0), words


def test_the_status_shows_reasons_on_a_line_each(room, capsys):
    good(room)
    with_text("failures/a/failure.json", '{"reason": "one\\n\\u001b[2Jtwo\\u202e"}')(room)
    out = told(room, capsys, "status", "--results", room.results).out
    assert r"  failed  a: one \x1b[2Jtwo\u202e" in out.splitlines()


def test_the_status_passes_over_work_with_names_of_escapes_and_names_it_escaped(room, capsys):
    (room.results / "work" / f"a{ESCAPES}").mkdir(parents=True)
    done = told(room, capsys, "status", "--results", room.results)
    assert done.code == 0
    assert "passed over, for ttq-bench did not write it: work/a" in done.err
    assert not CONTROL.search(done.err.replace("\n", ""))


def test_a_stranger_s_page_is_not_taken_for_ours(room, capsys):
    good(room)
    with_text("report.html", SCRIPT)(room)
    done = told(room, capsys, "report", "--results", room.results)
    refused(done, 2, "report.html: lies where the report is to go and was not written by ttq-bench")


@pytest.mark.slow
@pytest.mark.parametrize("case", ["a record of 100 billion bytes", "10 million rows"])
def test_a_bomb_is_refused_in_a_process_with_little_memory(room, case):
    harmed(room, case)
    done = told_bounded(room, 4 << 30, "report", "--results", room.results)
    refused(done, 2, REFUSED[case][1])


def test_a_run_into_a_folder_of_links_writes_nothing_through_them(room, capsys):
    (room.results / "work").mkdir(parents=True)
    (room.results / "work" / "driver.lock").symlink_to(room.outside / "secret.txt")
    words = ["run", write_suite(room.data), "--results", room.results, "--backend", "inprocess"]
    refused(told(room, capsys, *words), 2, r"driver\.lock: is a link that leads out")
