"""F1: an exception, and a kill, at the k-th file operation: the old state or the new one is there.

The short form takes every few positions, other ones for each kind of fault; the full one takes all.
"""

import shutil
from itertools import count

import pytest
import torch

from tests.faults.broken_files import BROKEN, Fault, forked
from tests.faults.children import (
    command,
    files_below,
    note_failure,
    note_plan,
    note_probe,
    temporaries_below,
    train,
)
from tests.record_builders import write_trial
from tests.tiers import slow_but
from tests.trial.same_trial import assert_same_trial, bring_parent
from ttq_bench.files import digest_path, is_intact
from ttq_bench.records.attempts.lease import attempt_numbers, earlier_ends, read_lease
from ttq_bench.records.attempts.progress import progress_of
from ttq_bench.records.ownership import in_list
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_records, read_table, remove_leftovers
from ttq_bench.report.sections.readme import BEGIN, END

KINDS = {"exception": BROKEN, "SIGKILL": -9}  # and the exit code of a child that met it


def positions(kind, step):
    """Yield 1, 2, 3 ... in steps, begun elsewhere for each kind."""
    return count(1 + list(KINDS).index(kind) * (step // 2), step)


def assert_nothing_half(paths):
    """Every file that can be seen is whole; what vouches for another may be missing, not wrong."""
    for record in read_records(paths.results):
        for name in record.table_sha256:
            read_table(paths, name)
    for number in attempt_numbers(paths):
        attempt = paths.attempt(number)
        assert read_lease(attempt) is not None
        assert progress_of(attempt) is not None or not attempt.progress.exists()
        told = earlier_ends(paths.attempt(number + 1))[str(number)]
        assert told.startswith("error: ") == attempt.end.exists(), told
    for path in paths.work.rglob("*.pt"):
        torch.load(path, weights_only=True)
        assert is_intact(path) or not digest_path(path).exists()


@pytest.mark.slow
@pytest.mark.fault("F1")
@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_broken_at_any_operation_ends_like_an_undisturbed_one(
    kind, whole_trial, *, cache, tmp_path, times, record_property
):
    spec, whole = whole_trial
    met = []
    for k in positions(kind, times(48, full=1)):
        results = tmp_path / str(k) / "results"
        paths = ResultsPaths(results).trial(spec.trial_id)
        bring_parent(spec, whole, results)
        run = (train, spec.model_dump_json(), results, cache)
        ended = forked(tmp_path / "notes", Fault(results, kind, k), *run)
        if not ended.fired:
            assert ended.code == 0, ended.err
            break
        assert ended.code == KINDS[kind], f"{k}: {ended}"
        met.append(ended.operations[k - 1])
        assert_nothing_half(paths)
        remove_leftovers(ResultsPaths(results))  # as a driver does before its first trial
        assert temporaries_below(results) == []
        again = forked(tmp_path / "notes", Fault(results), *run)
        assert again.code == 0, f"{k}: {again.err}"
        assert_same_trial(paths, ResultsPaths(whole).trial(spec.trial_id))
        assert_nothing_half(paths)
        assert temporaries_below(results) == []
        shutil.rmtree(results.parent)
    assert len(met) >= len(ended.operations) // times(48, full=1)
    record_property(
        "measured",
        f"trial: {kind} at {len(met)} of {len(ended.operations)} file operations: 0 half states,"
        f" {len(met)} of {len(met)} resumed trials equal to the bit, 0 files left",
    )


@pytest.fixture(scope="module")
def reports(tmp_path_factory, cache):
    """A folder whose report is older than its records, and its files before and after a report."""
    folder = tmp_path_factory.mktemp("reports")
    base, notes = folder / "base", folder / "notes"
    root = base / "results"
    write_trial(root, "fp-0", seed=0, errors=(40.0, 20.0))
    note_plan(root, "Tiny")
    (base / "README.md").write_text(f"# Mine\n{BEGIN}\n{END}\n")
    assert forked(notes, Fault(base), command, report_words(base), cache).code == 0
    write_trial(root, "fp-1", seed=1, errors=(41.0, 23.0))
    (root / "figures/older.png").write_bytes(b"no record stands behind it")
    made = folder / "new"
    shutil.copytree(base, made)
    assert forked(notes, Fault(made), command, report_words(made), cache).code == 0
    return base, files_below(base), files_below(made)


LIST_OF_REPORT = "results/report.sha256"


def report_words(base):
    return ["report", "--results", str(base / "results"), "--readme", str(base / "README.md")]


@pytest.mark.slow
@pytest.mark.fault("F1")
@pytest.mark.parametrize("kind", KINDS)
def test_a_report_broken_at_any_operation_leaves_each_file_old_or_new(
    kind, reports, *, cache, tmp_path, times, record_property
):
    base, old, new = reports
    met = []
    for k in positions(kind, times(48, full=1)):
        copy = tmp_path / str(k)
        shutil.copytree(base, copy)
        run = (command, report_words(copy), cache)
        ended = forked(tmp_path / "notes", Fault(copy, kind, k), *run)
        if not ended.fired:
            assert ended.code == 0, ended.err
            break
        assert ended.code == KINDS[kind], f"{k}: {ended}"
        met.append(ended.operations[k - 1])
        found = files_below(copy)
        assert found.keys() <= old.keys() | new.keys()
        assert old.keys() & new.keys() <= found.keys()
        half = [name for name in found if found[name] not in (old.get(name), new.get(name))]
        if LIST_OF_REPORT in half:  # names the files of both reports meanwhile, and is never half
            half.remove(LIST_OF_REPORT)
            lines = (copy / LIST_OF_REPORT).read_bytes()
            assert in_list(lines).keys() >= in_list((base / LIST_OF_REPORT).read_bytes()).keys()
            assert len(in_list(lines)) == lines.count(b"\n")
        assert half == [], f"{k}: {met[-1]}"
        again = forked(tmp_path / "notes", Fault(copy), *run)
        assert again.code == 0, f"{k}: {again.err}"
        assert files_below(copy) == new
        assert temporaries_below(copy) == []
        shutil.rmtree(copy)
    assert len(met) >= len(ended.operations) // times(48, full=1)
    record_property(
        "measured",
        f"report: {kind} at {len(met)} of {len(ended.operations)} file operations: 0 half files,"
        " the next report the same to the byte, 0 files left",
    )


@pytest.mark.fault("F1")
@pytest.mark.parametrize("kind", slow_but(["SIGKILL"], KINDS))
@pytest.mark.parametrize("note", slow_but([note_failure], [note_plan, note_failure, note_probe]))
def test_a_note_broken_at_any_operation_is_the_old_or_the_new_one(
    note, kind, cache, tmp_path, record_property
):
    seen, met = {}, 0
    for text in ("old", "newer"):
        note(tmp_path / text / "results", text)
        seen[text] = files_below(tmp_path / text)
    assert seen["old"] != seen["newer"]
    for there in (False, True):
        for k in count(1):
            root = tmp_path / f"{there}-{k}"
            if there:
                shutil.copytree(tmp_path / "old", root)
            run = (note, root / "results", "newer")
            ended = forked(tmp_path / "notes", Fault(root, kind, k), *run)
            if not ended.fired:
                assert ended.code == 0, ended.err
                break
            met += 1
            assert ended.code == KINDS[kind], f"{k}: {ended}"
            assert files_below(root) in ({}, seen["newer"], seen["old"] if there else {})
            assert forked(tmp_path / "notes", Fault(root), *run).code == 0
            remove_leftovers(ResultsPaths(root / "results"))
            assert files_below(root) == seen["newer"]
            assert temporaries_below(root) == []
    record_property("measured", f"{note.__name__}: {kind} at all {met} file operations: old or new")
