"""Records of other training versions: in no number of the report, and told on its pages."""

import re
import shutil

import pytest

from tests.record_builders import write_grid, write_probe, write_trial
from tests.report.drawn import write_texts
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import PlannedSuite, write_planned
from ttq_bench.report.build import build_report
from ttq_bench.report.sections.readme import BEGIN, END
from ttq_bench.spec.training_version import TRAINING_VERSION
from ttq_bench.verify.verification import verify_results

pytestmark = pytest.mark.slow

OLDER, NEWER = TRAINING_VERSION - 1, TRAINING_VERSION + 1
OTHERS = {"ttq-old": OLDER, "fp-old": OLDER, "ttq-new": NEWER}
TOLD = re.compile(r"\*\*Left out\.\*\* .*\n\n|\| (ttq|fp)-(old|new) \| (stale|newer): .*\n")

# All that a page has anew where one of the two stale records is gone.
OF_ONE_FEWER = re.compile(r"ttq-old|version 0|'</?tr>' should|2 records are stale")


def write_others(root):
    """Publish trials whose numbers would be seen in every table, figure and claim."""
    layers = {"layer1.conv1": (9.0, 1.0), "layer1.conv2": (1.0, 9.0)}
    write_trial(root, "fp-old", seed=7, errors=(90.0, 80.0), training_version=OLDER)
    for name, seed in (("ttq-old", 0), ("ttq-new", 8)):
        write_trial(
            root, name, seed=seed, errors=(70.0, 60.0), parent="fp-0", scales=layers,
            training_version=OTHERS[name],
        )  # fmt: skip
        write_probe(root, name, control=60.0, together=90.0)


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The report of one grid alone, and that of the same grid beside records of other versions."""
    roots = [tmp_path_factory.mktemp(name) / "results" for name in ("alone", "mixed")]
    for root in roots:
        write_grid(root)
        write_probe(root, "ttq-0", control=21.0, together=22.0)
        (root.parent / "README.md").write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
        write_planned(ResultsPaths(root), PlannedSuite("c", "q", "C", ("ttq-0", "ttq-9")))
    write_others(roots[1])
    for root in roots:
        build_report(root, root.parent / "README.md")
    return roots


def drawn(root):
    """Return every file that a report wrote, by its name."""
    folders = (root / "tables", root / "figures")
    files = [path for folder in folders for path in folder.iterdir()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def texts(root):
    """Return the summary and every page by name."""
    paths = [root / "summary.md", *(root / "pages").iterdir()]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_every_number_is_that_of_the_folder_without_them(reports):
    alone, mixed = reports
    assert drawn(mixed) == drawn(alone)
    assert {name.partition("/")[0] for name in drawn(alone)} == {"tables", "figures"}
    readmes = [(root.parent / "README.md").read_text(encoding="utf-8") for root in reports]
    assert readmes[0] == readmes[1]
    pages = [texts(root) for root in reports]
    assert {name for name in pages[0] if pages[0][name] != pages[1][name]} == {
        "summary.md", "pages/trials.md",
    }  # fmt: skip
    assert {name: TOLD.sub("", text) for name, text in pages[1].items()} == pages[0]


@pytest.mark.parametrize("name", ["summary.md", "report.html"])
def test_both_pages_say_how_many_are_left_out_and_what_to_do(reports, name):
    alone, mixed = ((root / name).read_text(encoding="utf-8") for root in reports)
    made = "made under training version {}, the code has " + str(TRAINING_VERSION)
    for number, state, version in (
        ("2 records are", "stale", OLDER),
        ("1 record is", "newer", NEWER),
    ):
        sentence = f"{number} {state}: {made.format(version)}"
        assert sentence in mixed
        assert sentence not in alone
    assert "run their suites again" in mixed


@pytest.mark.parametrize("name", ["pages/trials.md", "report.html"])
def test_each_is_named_on_the_page_of_trials(reports, name):
    alone, mixed = ((root / name).read_text(encoding="utf-8") for root in reports)
    for trial_id in OTHERS:
        assert trial_id in mixed
        assert trial_id not in alone


def test_each_is_named_among_the_trials_that_need_a_look_and_not_as_missing(reports):
    page = (reports[1] / "pages/trials.md").read_text(encoding="utf-8")
    look = page[page.index("## Trials that need a look") :]
    for trial_id, version in OTHERS.items():
        state = "stale" if version == OLDER else "newer"
        assert f"| {trial_id} | {state}: made under training version {version}, the code" in look


def test_a_planned_trial_with_a_stale_record_is_stale_not_missing(tmp_path):
    write_trial(tmp_path, "fp-old", seed=0, errors=(20.0,), training_version=OLDER)
    write_planned(ResultsPaths(tmp_path), PlannedSuite("c", "q", "C", ("fp-old", "fp-1")))
    page = write_texts(tmp_path)
    assert "There are no finished trials here yet." in page
    assert "**Left out.** 1 record is stale: " in page
    assert "| fp-old | stale: " in page
    assert "fp-old | missing" not in page
    assert "| fp-1 | missing" in page


def test_a_folder_with_records_of_other_versions_is_verified_like_any(reports, tmp_path):
    mixed = tmp_path / "results"
    shutil.copytree(reports[1], mixed)
    found = verify_results(mixed)
    assert (found.differences, found.records) == ((), 12)
    shutil.rmtree(mixed / "trials/ttq-old")
    found = verify_results(mixed)
    assert found.records == 11
    assert {difference.file for difference in found.differences} == {
        "summary.md", "pages/trials.md", "report.html",
    }  # fmt: skip
    assert all(OF_ONE_FEWER.search(str(difference)) for difference in found.differences)
