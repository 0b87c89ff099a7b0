"""F3: cuts and flipped bits in checkpoint, weights, record and lease: all of it is noticed."""

import random
import shutil

import pytest

from tests.tiny_suite import settings_for
from tests.trial.same_trial import assert_same_trial, bring_parent
from ttq_bench.cli import main
from ttq_bench.errors import ResultsError
from ttq_bench.files import is_intact
from ttq_bench.records.attempts.lease import read_lease, why_over
from ttq_bench.records.attempts.progress import read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record, read_table
from ttq_bench.records.weights import weights_path
from ttq_bench.training.checkpoints import load_state, whole_states
from ttq_bench.trial.outcome import SupersededError
from ttq_bench.trial.run import run_trial

pytestmark = pytest.mark.slow

TRUNCATIONS, FLIPS = 50, 200


def damages(content, seed):
    """Yield what becomes of a file: cut at 50 places, the ends among them; 200 flipped bits."""
    chance = random.Random(seed)
    for length in sorted({round(n * (len(content) - 1) / 49) for n in range(TRUNCATIONS)}):
        yield f"cut at {length}", content[:length]
    for _ in range(FLIPS):
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        yield f"byte {place}, bit {bit}", bytes(changed)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, whole_trial, cache):
    """The same trial stopped after its second epoch, with two checkpoints."""
    spec, source = whole_trial
    results = tmp_path_factory.mktemp("stopped") / "results"
    bring_parent(spec, source, results)
    paths = ResultsPaths(results).trial(spec.trial_id)
    stop = lambda: read_progress(paths).epoch >= 2  # noqa: E731
    assert run_trial(spec, settings_for(results, cache), stop) == "stopped"
    return results


@pytest.mark.fault("F3")
@pytest.mark.parametrize("suffix", [".pt", ".sha256"])
def test_a_damaged_checkpoint_is_left_for_the_one_before(
    suffix, whole_trial, stopped, *, cache, tmp_path, times, record_property
):
    spec, source = whole_trial
    copy = tmp_path / "copy/results"
    shutil.copytree(stopped, copy)
    attempt = ResultsPaths(copy).trial(spec.trial_id).attempt(1)
    path = attempt.checkpoints / f"epoch-000002{suffix}"
    content = path.read_bytes()
    noticed = 0
    for number, (what, damaged) in enumerate(damages(content, seed=3)):
        path.write_bytes(damaged)
        assert load_state(path.with_suffix(".pt")) is None, what
        if number % 10 == 0:
            assert next(whole_states([attempt.checkpoints]))["epoch"] == 1, what
        noticed += 1
    some = random.Random(4).sample(list(damages(content, seed=3)), times(2, full=25))
    for number, (what, damaged) in enumerate(some):
        results = tmp_path / str(number) / "results"
        shutil.copytree(stopped, results)
        paths = ResultsPaths(results).trial(spec.trial_id)
        (paths.attempt(1).checkpoints / path.name).write_bytes(damaged)
        assert run_trial(spec, settings_for(results, cache), bool) == "finished"
        taken_up = read_record(paths.record).run["attempts"]
        assert [one["after_epoch"] for one in taken_up] == [0, 1], what
        assert_same_trial(paths, ResultsPaths(source).trial(spec.trial_id))
        shutil.rmtree(results.parent)
    assert noticed == TRUNCATIONS + FLIPS
    record_property(
        "measured",
        f"checkpoint *{suffix}: {noticed} of {noticed} noticed; {len(some)} of {len(some)} resumed"
        " trials went back one epoch and ended equal to the bit",
    )


@pytest.mark.fault("F3")
def test_damaged_weights_are_made_again_and_never_fine_tuned(
    whole_trial, cache, tmp_path, record_property
):
    spec, source = whole_trial
    results = tmp_path / "results"
    bring_parent(spec, source, results)
    paths = ResultsPaths(results).trial(spec.parent)
    content, noticed = weights_path(paths).read_bytes(), 0
    for what, damaged in damages(content, seed=5):
        weights_path(paths).write_bytes(damaged)
        assert not is_intact(weights_path(paths)), what
        assert load_state(weights_path(paths)) is None, what
        noticed += 1
    with pytest.raises(Exception, match=r"weights of the parent are missing or damaged; run the"):
        run_trial(spec, settings_for(results, cache), bool)
    record_property("measured", f"weights: {noticed} of {noticed} noticed; a child refuses them")


@pytest.mark.fault("F3")
def test_no_damaged_record_is_read_and_a_report_names_the_file(
    whole_trial, tmp_path, capsys, times, record_property
):
    spec, source = whole_trial
    shutil.copytree(source / "trials", tmp_path / "trials")
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)
    files = sorted(path.name for path in paths.folder.iterdir())
    assert len(files) == 5
    words = ["report", "--results", str(tmp_path)]
    refused, reports = 0, 0
    for name in files:
        path = paths.folder / name
        content = path.read_bytes()
        for number, (what, damaged) in enumerate(damages(content, seed=len(name))):
            path.write_bytes(damaged)
            with pytest.raises(ResultsError):
                _read_whole(paths)
            refused += 1
            if number % times(10, full=1):
                continue
            reports += 1
            assert main(words) == 2, f"{name}: {what}"
            told = capsys.readouterr()
            assert told.out == ""
            assert told.err.startswith(f"ttq-bench: {paths.folder}")
            assert told.err.count("\n") == 1
            assert told.err.endswith("or delete its folder to run the trial again\n")
        path.write_bytes(content)
    assert refused == len(files) * (TRUNCATIONS + FLIPS)
    assert [path.name for path in tmp_path.iterdir()] == ["trials"]
    assert main(words) == 0
    record_property(
        "measured",
        f"record ({len(files)} files): {refused} of {refused} refused by readers; {reports} of"
        f" {reports} by `report` (exit 2, one sentence)",
    )


def _read_whole(paths):
    for name in read_record(paths.record).table_sha256:
        read_table(paths, name)


@pytest.mark.fault("F3")
def test_an_attempt_whose_lease_is_damaged_ends_and_the_next_one_ends_well(
    whole_trial, stopped, cache, tmp_path, record_property
):
    spec, source = whole_trial
    results = tmp_path / "results"
    bring_parent(spec, source, results)
    paths = ResultsPaths(results).trial(spec.trial_id)
    shutil.copytree(ResultsPaths(stopped).trial(spec.trial_id).attempts, paths.attempts)
    noticed = 0
    lease = paths.attempt(1).lease
    content = lease.read_bytes()
    for what, damaged in damages(content, seed=6):
        lease.write_bytes(damaged)
        assert read_lease(paths.attempt(1)) is None, what
        assert why_over(paths.attempt(1)).endswith("the lease is missing or damaged"), what
        noticed += 1
    lease.write_bytes(content)

    def damage_the_second():
        paths.attempt(2).lease.write_bytes(content[:-5])
        return False

    with pytest.raises(SupersededError, match="the lease is missing or damaged"):
        run_trial(spec, settings_for(results, cache), damage_the_second)
    assert not paths.record.exists()
    assert run_trial(spec, settings_for(results, cache), bool) == "finished"
    ended = read_record(paths.record).run["earlier_attempts_ended"]
    assert ended["2"] == "its lease is damaged"
    assert_same_trial(paths, ResultsPaths(source).trial(spec.trial_id))
    record_property(
        "measured",
        f"lease: {noticed} of {noticed} noticed; a running attempt ends, the next one ends equal",
    )
