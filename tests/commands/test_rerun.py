"""``--rerun``: a trial that ended is trained again, and nothing of the old one is lost."""

import errno
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.tiny_suite import tiny_specs, write_suite
from ttq_bench.cli import main
from ttq_bench.errors import ResultsError
from ttq_bench.files import file_digest
from ttq_bench.records.attempts.lease import attempt_numbers, why_over
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.replaced import set_aside
from ttq_bench.records.store import read_record
from ttq_bench.verify.verification import verify_results

SEVERAL = "ttq or full_precision"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache):
    """A folder with the results of the tiny suite, one epoch each, and their report."""
    folder = tmp_path_factory.mktemp("trained")
    suite = write_suite(folder, epochs=1)
    words = ["run", str(suite), "--results", str(folder / "results"), "--backend", "inprocess"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTQ_BENCH_CACHE", str(cache))
        assert main([*words, "--threads", "1"]) == 0
    return folder


@pytest.fixture
def results(trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return ResultsPaths(tmp_path / "results")


@pytest.fixture
def ids(cache):
    """The ids of the parent and of its two children."""
    return [spec.trial_id for spec in tiny_specs(cache, epochs=1)]


@pytest.fixture
def run(results, capsys):
    def with_options(*options, command="run"):
        suite = results.root.parent / "tiny.yaml"
        words = [command, suite, "--results", results.root, "--backend", "inprocess"]
        code = main([str(word) for word in (*words, "--threads", "1", *options)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return with_options


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def of_trial(results, name):
    """Return every file of a trial, relative to its results, with its digest."""
    return {path: digest for path, digest in contents(results.root).items()
            if name in path and not path.startswith("replaced/")}  # fmt: skip


def test_a_trial_is_trained_again_and_all_of_the_old_one_is_kept_together(results, ids, run):
    before, others = of_trial(results, ids[1]), of_trial(results, ids[2])
    old = read_record(results.trial(ids[1]).record)

    code, out, _ = run("--rerun", ids[1])

    assert code == 0
    kept = results.trial(ids[1]).replaced / "1"
    assert f"{ids[1]}: what there was of it is kept in {kept}\n" in out
    assert contents(kept).items() >= before.items()
    assert of_trial(results, ids[2]) == others
    new = read_record(results.trial(ids[1]).record)
    assert new.errors == old.errors  # the same trial on the same machine
    assert new.run["attempts"][-1]["attempt"] == 3
    assert new.run["earlier_attempts_ended"] == {
        "1": "replaced: the trial is trained again",
        "2": "replaced: trained nothing: it ended the older ones",
    }
    assert results.trial(ids[1]).network.is_file()
    assert read_record(kept / f"trials/{ids[1]}/record.json") == old
    assert verify_results(results.root).differences == ()


def test_a_probe_is_kept_with_the_trial_that_it_measured(results, ids):
    paths = results.trial(ids[1])
    results.probes.mkdir()
    paths.probe.write_text("measured", encoding="utf-8")
    before = of_trial(results, ids[1])
    kept = set_aside(paths)
    assert contents(kept).items() >= before.items()
    assert not paths.probe.exists()
    assert set(of_trial(results, ids[1])) == {
        f"work/{ids[1]}/attempts/00000{number}.{name}.json"
        for number in (1, 2)
        for name in ("lease", "end")
    }


def test_an_old_attempt_that_still_runs_elsewhere_may_write_nothing_more(results, ids):
    old = results.trial(ids[1]).attempt(1)
    assert not why_over(old)
    set_aside(old.trial)
    assert why_over(old) == "attempt 2 has taken over from attempt 1"


def test_the_plan_shows_what_would_be_trained_again_and_changes_nothing(results, ids, run):
    before = contents(results.root)
    code, out, _ = run("--rerun", ids[1], command="plan")
    assert code == 0
    kept = results.trial(ids[1]).replaced
    assert f"(is trained again; what there is of it will be kept in {kept})" in out
    assert "  rerun    lenet5  seed 0  ttq max_fraction(0.05)  1 epoch to go" in out
    assert "3 trials: 2 done, 1 to run" in out
    assert contents(results.root) == before


def test_a_network_that_others_started_from_is_not_replaced_alone(results, ids, run):
    before = contents(results.root)
    code, _, err = run("--rerun", ids[0])
    assert (code, err.count("\n")) == (2, 1)
    assert f"{', '.join(sorted(ids[1:]))} started from a network that would be replaced" in err
    code, _, err = run("--rerun", f"{ids[0]} or {ids[1]}")
    assert code == 2
    assert f"': {ids[2]} started from a network" in err
    assert contents(results.root) == before


def test_a_network_is_replaced_together_with_all_that_started_from_it(results, ids, run):
    code, out, _ = run("--rerun", SEVERAL)
    assert code == 0
    moved = [line.partition(":")[0] for line in out.splitlines() if "is kept in" in line]
    assert moved == [*reversed(ids[1:]), ids[0]]  # the parent last
    for name in ids:
        assert read_record(results.trial(name).record).run["attempts"][-1]["attempt"] == 3
        assert (results.trial(name).replaced / "1/trials" / name / "record.json").is_file()
    assert verify_results(results.root).differences == ()


def test_each_time_the_old_one_gets_a_folder_of_its_own(results, ids, run):
    for count in (1, 2):
        assert run("--rerun", ids[1], "--no-report")[0] == 0
        kept = sorted(path.name for path in results.trial(ids[1]).replaced.iterdir())
        assert kept == [str(number) for number in range(1, count + 1)]
    assert attempt_numbers(results.trial(ids[1])) == [1, 2, 3, 4, 5]


def test_a_failure_is_kept_and_the_trial_begins_anew(results, ids, run):
    paths = results.trial(ids[2])
    shutil.rmtree(paths.folder)
    paths.failure.parent.mkdir(parents=True)
    paths.failure.write_text('{"reason": "bad luck"}', encoding="utf-8")
    assert run("--rerun", ids[2], "--no-report")[0] == 0
    assert (paths.replaced / "1/failures" / ids[2] / "failure.json").is_file()
    assert paths.record.is_file()
    assert not paths.failure.exists()


def test_what_was_kept_is_a_results_folder_of_its_own(results, ids, run, capsys):
    assert run("--rerun", ids[1], "--no-report")[0] == 0
    kept = results.trial(ids[1]).replaced / "1"
    assert main(["status", "--results", str(kept)]) == 0
    assert "1 finished" in capsys.readouterr().out


def test_moving_goes_on_where_it_was_broken_off(results, ids):
    paths = results.trial(ids[1])
    before = of_trial(results, ids[1])
    network = paths.replaced / "1/networks" / paths.network.name
    network.parent.mkdir(parents=True)
    paths.network.rename(network)  # and then the run was killed
    assert set_aside(paths) == paths.replaced / "1"
    assert contents(paths.replaced / "1").items() >= before.items()


def test_what_is_kept_already_is_never_overwritten(results, ids):
    paths = results.trial(ids[1])
    network = paths.replaced / "1/networks" / paths.network.name
    network.parent.mkdir(parents=True)
    network.write_text("another one", encoding="utf-8")
    assert set_aside(paths) == paths.replaced / "2"
    assert network.read_text(encoding="utf-8") == "another one"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rerun", "nothing"], "--rerun 'nothing': fits no trial that ended;"),
        (["--rerun", "ttq", "--results", "EMPTY"], "fits no trial that ended;"),
        (["--rerun", "full_precision", "--only", "twn"], "--only 'twn': fits none"),
    ],
)
def test_what_cannot_be_trained_again_is_refused_in_one_sentence(run, tmp_path, words, said):
    code, out, err = run(*(str(tmp_path / "empty") if word == "EMPTY" else word for word in words))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_run_that_is_stopped_says_to_go_on_without_the_option(results, ids, run):
    code, out, _ = run("--rerun", ids[1], "--time-limit", "1s")
    assert code == 4
    assert "run the same command without --rerun to go on at the last checkpoint" in out
    assert run("--no-report")[0] == 0
    assert results.trial(ids[1]).record.is_file()


def test_nothing_is_moved_where_records_lie_on_another_disk(results, ids):
    elsewhere = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        shutil.move(results.trials, elsewhere / "trials")
        results.trials.symlink_to(elsewhere / "trials")
        before = contents(results.root)
        with pytest.raises(
            ResultsError, match=f"{ids[1]}: lies on another disk than {results.root}"
        ):
            set_aside(results.trial(ids[1]))
        assert contents(results.root) == before
        assert (elsewhere / "trials" / ids[1] / "record.json").exists()
    finally:
        shutil.rmtree(elsewhere)


def test_what_was_moved_goes_back_when_the_rest_cannot_be_moved(results, ids, monkeypatch):
    before = of_trial(results, ids[1])
    rename = Path.rename

    def refused(path, target):
        if path == results.trial(ids[1]).folder:
            raise OSError(errno.EIO, "the disk refuses")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="the disk refuses"):
        set_aside(results.trial(ids[1]))
    attempts = f"work/{ids[1]}/attempts"
    new = {f"{attempts}/000001.end.json", f"{attempts}/000002.lease.json"}
    after = of_trial(results, ids[1])
    assert after.keys() - before.keys() == {*new, f"{attempts}/000002.end.json"}
    assert before.items() <= after.items()
