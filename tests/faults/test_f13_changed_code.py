"""F13: the code or its training version changes between a kill and the next run, or during one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ttq_bench
from tests.faults.broken_files import Fault, forked
from tests.faults.children import command, files_below
from tests.faults.grid import Grid, epochs_done, only_record, parents, run_words
from tests.tiny_suite import quick_training, tiny_document, wait_until
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record, record_files
from ttq_bench.spec.training_version import TRAINING_VERSION

pytestmark = pytest.mark.slow

COSINE = "(1 + math.cos(math.pi * done)) / 2"
PATIENCE = 200


class Copy:
    """A copy of the package that can be changed, and runs of it in processes of their own."""

    def __init__(self, folder):
        self.folder = folder
        source = Path(ttq_bench.__file__).parent
        shutil.copytree(source, folder / "ttq_bench", ignore=shutil.ignore_patterns("__pycache__"))

    def append(self, name, text="\n# a comment\n"):
        path = self.folder / "ttq_bench" / name
        path.write_text(path.read_text() + text)

    def replace(self, name, old, new):
        path = self.folder / "ttq_bench" / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name}: {old}"
        path.write_text(text.replace(old, new))

    def start(self, *words):
        return subprocess.Popen(
            [sys.executable, "-m", "ttq_bench.cli", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def finish(self, *words):
        process = self.start(*words)
        try:
            output, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        return process.returncode, output

    def run(self, grid):
        return self.finish(*run_words(grid, "--no-report"))

    def killed(self, grid, epochs):
        """Start a run and kill it when a trial has trained so many epochs."""
        process = self.start(*run_words(grid, "--no-report"))
        try:
            wait_until(lambda: epochs_done(grid) >= epochs or process.poll() is not None, PATIENCE)
        finally:
            process.kill()
            output, _ = process.communicate()
        assert process.returncode == -9, output


@pytest.mark.fault("F13")
def test_an_unfinished_trial_is_begun_anew_by_other_code_and_carried_on_by_the_same(
    cache, tmp_path, record_property
):
    document = parents(seeds=1, epochs=8)
    copy = Copy(tmp_path / "code")
    grid = Grid(tmp_path / "anew", document)
    copy.killed(grid, 2)
    carried = Grid(tmp_path / "carried", document)
    shutil.copytree(grid.results.root, carried.results.root)

    copy.append("report/figures/style.py")
    assert copy.run(carried)[0] == 0
    first, last = only_record(carried).run["attempts"]
    assert (first["anew"], last["anew"]) == (False, False)
    assert last["after_epoch"] >= 2

    copy.append("ternary/gradients.py")
    copy.replace("training/schedules.py", COSINE, COSINE + ".5")
    code, output = copy.run(grid)
    assert code == 0, output
    assert "begins anew: the code that trains changed after epoch" in output
    # What the old code trained is forgotten, its attempts too.
    *_, last = only_record(grid).run["attempts"]
    assert (last["anew"], last["after_epoch"], last["attempt"]) == (True, 0, 2)
    assert only_record(grid).run["earlier_attempts_ended"]["1"].startswith("unknown")
    undisturbed = Grid(tmp_path / "undisturbed", document)
    assert copy.run(undisturbed)[0] == 0
    assert grid.records() == undisturbed.records()
    assert grid.records() != carried.records()
    record_property(
        "measured",
        "code changed after a kill: begun anew, said in the record, equal to an undisturbed run of"
        " the changed code; a change that computes nothing: carried on",
    )


@pytest.mark.fault("F13")
def test_code_that_changes_while_a_run_goes_on_ends_its_next_trial_in_one_sentence(
    cache, tmp_path, record_property
):
    copy = Copy(tmp_path / "code")
    grid = Grid(tmp_path / "grid", parents(seeds=2, epochs=25))
    process = copy.start(*run_words(grid, "--no-report"))
    try:
        wait_until(lambda: epochs_done(grid) >= 1 or process.poll() is not None, PATIENCE)
        copy.append("ternary/gradients.py")
        assert not record_files(grid.results), "changed too late: the trials are too short"
        output, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 3, output
    (told,) = (line for line in output.splitlines() if ": failed: " in line)
    assert "is not the one the run was started with" in told
    assert told.endswith("bring all machines to one version, run the command again")
    assert "Traceback" not in output
    (failed,) = grid.results.root.glob("failures/*/failure.json")
    assert failed.parent.name != only_record(grid).trial_id
    before = only_record(grid)
    # It was computed by the code of its start, whatever lay on the disk at its end.
    assert before.provenance["arithmetic"] == before.run["attempts"][0]["arithmetic"]
    code, output = copy.run(grid)
    assert code == 0, output
    made_by = {
        read_record(path).run["attempts"][-1]["arithmetic"] for path in record_files(grid.results)
    }
    assert len(made_by) == 2
    assert only_first(grid, before)
    record_property(
        "measured",
        "code changed during a run: the next trial fails in one sentence (exit 3), the next run"
        " trains it",
    )


def only_first(grid, before):
    return read_record(grid.results.trial(before.trial_id).record) == before


@pytest.mark.fault("F13")
def test_a_record_of_an_older_training_version_is_shown_as_stale_and_in_no_table(
    cache, tmp_path, record_property
):
    document = tiny_document(methods=("full_precision",), training=quick_training())
    grid = Grid(tmp_path / "grid", document)
    notes, nothing = tmp_path / "notes", Fault(tmp_path / "nothing")
    assert forked(notes, nothing, command, run_words(grid, "--no-report"), cache).code == 0
    old = only_record(grid).trial_id
    copy = Copy(tmp_path / "code")
    version = f"TRAINING_VERSION = {TRAINING_VERSION}"
    copy.replace("spec/training_version.py", version, f"{version} + 1")
    code, output = copy.finish(*run_words(grid))
    assert code == 0, output
    assert f"has a stale record (training version {TRAINING_VERSION})" in output
    (new,) = {path.parent.name for path in record_files(grid.results)} - {old}
    tables = {
        name: content
        for name, content in files_below(grid.results.root).items()
        if name.startswith("tables/")
    }
    assert new.encode() in tables["tables/accuracy.csv"]
    assert not any(old.encode() in content for content in tables.values())
    summary = ResultsPaths(grid.results.root).summary.read_text()
    assert f"1 record is stale: made under training version {TRAINING_VERSION}" in summary
    record_property(
        "measured", "training version raised: trained anew, the old record stale, in no table"
    )
