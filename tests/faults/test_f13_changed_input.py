"""F13: the suite or its images change between a kill and the next run, or during one."""

import pytest

from tests.data.builders import png, random_images, write_parquet
from tests.faults.broken_files import Fault, forked
from tests.faults.children import command, files_below
from tests.faults.grid import Grid, epochs_done, only_record, run_words
from tests.tiny_suite import quick_training, tiny_document
from ttq_bench.records.store import read_record, record_files

pytestmark = pytest.mark.slow


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
    one = tiny_document(methods=("full_precision",), training=quick_training())
    one["training"]["full_precision"]["epochs"] = 4
    other = tiny_document(methods=("full_precision",), training=quick_training())
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
