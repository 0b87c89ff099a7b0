"""F13: code, suite, images or training version change between a kill and the next run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ttq_bench
from tests.data.builders import png, random_images, write_parquet
from tests.faults.broken_files import Fault, command, files_below, forked
from tests.faults.grid import Grid, parents
from tests.faults.test_f01_file_operations import quick_training
from tests.tiny_suite import tiny_document, wait_until
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record, record_files
from ttq_bench.records.training_version import TRAINING_VERSION

WORDS = ("--backend", "inprocess", "--threads", "1")
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
        return self.finish("run", grid.suite, "--results", grid.results.root, *WORDS, "--no-report")

    def killed(self, grid, epochs):
        """Start a run and kill it when a trial has trained so many epochs."""
        words = ["run", grid.suite, "--results", grid.results.root, *WORDS, "--no-report"]
        process = self.start(*words)
        try:
            wait_until(lambda: epochs_done(grid) >= epochs or process.poll() is not None, PATIENCE)
        finally:
            process.kill()
            output, _ = process.communicate()
        assert process.returncode == -9, output


def epochs_done(grid):
    found = grid.results.root.glob("work/*/attempts/*.lease.json")
    return max((grid.epoch(path.parent.parent.name) for path in found), default=0)


def only_record(grid):
    (path,) = record_files(grid.results)
    return read_record(path)


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

    copy.append("report/style.py")
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
    process = copy.start("run", grid.suite, "--results", grid.results.root, *WORDS, "--no-report")
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


def run_words(grid, *more):
    return ["run", str(grid.suite), "--results", str(grid.results.root), *WORDS, *more]


def kill_at_second_epoch(grid, cache, *more):
    """Run the grid in a child that kills itself when the second checkpoint is whole."""
    words = run_words(grid, "--no-report", *more)
    notes = grid.folder / "notes"
    trial = grid.folder / "trial-run"
    counted = Grid(trial, grid.document)
    ended = forked(notes, Fault(trial), command, run_words(counted, "--no-report", *more), cache)
    assert ended.code == 0, ended
    saved = [n for n, one in enumerate(ended.operations, 1) if one.endswith("epoch-000002.sha256")]
    at = saved[-1] + 1
    # The suite file is no part of that: the driver reads it.
    fault = Fault(grid.results.root, "SIGKILL", at)
    ended = forked(notes, fault, command, words, cache)
    assert ended.code == -9, ended
    assert epochs_done(grid) >= 1
    return {path.parent.name for path in grid.results.root.glob("work/*/attempts")}


@pytest.mark.fault("F13")
def test_another_suite_leaves_unfinished_work_of_the_old_one_alone(
    cache, tmp_path, record_property
):
    one = tiny_document(methods=("full_precision",), training=quick_training(3))
    one["training"]["full_precision"]["epochs"] = 4
    other = tiny_document(methods=("full_precision",), training=quick_training(3))
    other["training"]["full_precision"] |= {"epochs": 4, "learning_rate": 0.02}
    grid = Grid(tmp_path / "grid", one)
    (old,) = kill_at_second_epoch(grid, cache)
    before = files_below(grid.results.trial(old).work)
    changed = Grid(tmp_path / "grid", other)
    notes = tmp_path / "notes"
    nothing = Fault(tmp_path / "nothing")
    assert forked(notes, nothing, command, run_words(changed, "--no-report"), cache).code == 0
    new = only_record(changed).trial_id
    assert new != old
    assert files_below(grid.results.trial(old).work) == before
    assert only_record(changed).run["attempts"][0]["after_epoch"] == 0
    grid = Grid(tmp_path / "grid", one)
    ended = forked(notes, nothing, command, run_words(grid, "--no-report"), cache)
    assert ended.code == 0
    assert {path.parent.name for path in record_files(grid.results)} == {old, new}
    rates = {
        name: read_record(grid.results.trial(name).record).spec["recipe"]["learning_rate"]
        for name in (old, new)
    }
    assert rates == {old: 0.03, new: 0.02}
    assert read_record(grid.results.trial(old).record).run["attempts"][-1]["after_epoch"] >= 1
    undisturbed = Grid(tmp_path / "undisturbed", one)
    forked(notes, nothing, command, run_words(undisturbed, "--no-report"), cache)
    assert grid.records()[old] == undisturbed.records()[old]
    record_property(
        "measured",
        "suite changed after a kill: another id, 0 bytes of the old work touched; back to the old"
        " suite it goes on and ends equal",
    )


def write_images(folder, seed):
    """Write so many MNIST-like images that some are left for training; few differ."""
    images = [png(image) for image in random_images(20, (28, 28, 1), seed)]
    for split, count in (("train", 5064), ("test", 40)):
        rows = [images[n % 20] for n in range(count)]
        labels = [n % 10 for n in range(count)]
        write_parquet(folder / f"{split}.parquet", rows, labels, image="image")


def image_document(seeds):
    training = quick_training()
    training["full_precision"] |= {"epochs": 4}
    return tiny_document(
        methods=("full_precision",), datasets=["mnist"], seeds=seeds, training=training
    )


@pytest.mark.fault("F13")
def test_other_images_after_a_kill_make_another_trial(cache, tmp_path, record_property):
    data = tmp_path / "data/mnist"
    write_images(data, seed=0)
    grid = Grid(tmp_path / "grid", image_document([0]))
    more = ("--data-dir", str(data.parent))
    (old,) = kill_at_second_epoch(grid, cache, *more)
    before = files_below(grid.results.trial(old).work)
    write_images(data, seed=1)
    ended = forked(
        tmp_path / "notes", Fault(tmp_path / "nothing"), command,
        run_words(grid, "--no-report", *more), cache,
    )  # fmt: skip
    assert ended.code == 0, ended
    record = only_record(grid)
    assert record.trial_id != old
    assert record.run["attempts"][0]["after_epoch"] == 0
    assert files_below(grid.results.trial(old).work) == before
    record_property(
        "measured", "images changed after a kill: another fingerprint and id, old work unused"
    )


@pytest.mark.fault("F13")
def test_images_that_change_during_a_run_end_its_next_trial_in_one_sentence(
    cache, tmp_path, record_property
):
    data, other = tmp_path / "data/mnist", tmp_path / "other/mnist"
    write_images(data, seed=2)
    write_images(other, seed=3)
    grid = Grid(tmp_path / "grid", image_document([0, 1]))
    words = run_words(grid, "--no-report", "--data-dir", str(data.parent))
    # The change comes with the 40th operation, while the first trial trains.
    fault = Fault(grid.results.root, "change", 40, change=(other.parent, data.parent))
    ended = forked(tmp_path / "notes", fault, command, words, cache)
    assert (ended.code, ended.fired) == (3, True), ended
    assert "epoch-00000" in ended.operations[39]
    (told,) = (line for line in ended.out.splitlines() if ": failed: " in line)
    assert "the trial was planned with mnist-png-subset (sha256:" in told
    assert "Traceback" not in ended.out + ended.err
    assert ended.err.count("\n") == 1
    first = only_record(grid)
    fingerprint = first.spec["data_fingerprint"]
    assert first.run["attempts"][0]["after_epoch"] == 0
    again = forked(tmp_path / "notes", Fault(tmp_path / "nothing"), command, words, cache)
    assert again.code == 0, again
    records = [read_record(path) for path in record_files(grid.results)]
    told = {(one.spec["data_fingerprint"], one.run["pixels_sha256"]) for one in records}
    assert len(records) == 3
    assert len(told) == 2  # each fingerprint with pixels of its own
    assert fingerprint in dict(told)
    record_property(
        "measured",
        "images changed during a run: the next trial refuses them in one sentence (exit 3); records"
        " of both, each with the pixels of its fingerprint",
    )


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
    copy.replace("records/training_version.py", version, f"{version} + 1")
    code, output = copy.finish("run", grid.suite, "--results", grid.results.root, *WORDS)
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
