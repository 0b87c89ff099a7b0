import json

import pytest

from tests.record_builders import write_trial
from tests.tiny_suite import command_line, settings_for, tiny_specs, write_suite
from ttq_bench.cli import main
from ttq_bench.commands import prepared
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record
from ttq_bench.records.weights import weights_path
from ttq_bench.trial.run import run_trial


@pytest.fixture
def words(tmp_path):
    """``run`` of the tiny suite in this process, without its report."""
    suite = write_suite(tmp_path, epochs=1)
    common = ["run", str(suite), "--results", str(tmp_path / "results"), "--no-report"]
    return [*common, "--backend", "inprocess", "--threads", "1"]


def test_a_run_makes_what_is_missing_and_a_second_one_finds_nothing_to_do(
    words, tmp_path, cache, capsys
):
    assert main(words) == 0
    first = capsys.readouterr().out
    records = [ResultsPaths(tmp_path / "results").trial(s.trial_id).record for s in
               tiny_specs(cache, epochs=1)]  # fmt: skip
    made = [path.stat().st_mtime_ns for path in records]
    assert "3 trials: 0 done, 3 to run" in first
    assert "3/3 trials, 3/3 epochs" in first
    assert main(words) == 0
    assert "3 trials: 3 done, 0 to run" in capsys.readouterr().out
    assert [path.stat().st_mtime_ns for path in records] == made


def test_as_json_a_run_tells_what_became_of_each_trial_and_all_else_on_standard_error(
    words, cache, capsys
):
    ids = sorted(spec.trial_id for spec in tiny_specs(cache, epochs=1))
    assert main([*words, "--json"]) == 0
    told = capsys.readouterr()
    ended = json.loads(told.out)
    assert ended.pop("finished") == ids
    assert ended.pop("results") == words[words.index("--results") + 1]
    assert ended == {
        "diverged": [], "failed": {}, "parent_diverged": [], "not_finished": [], "alarms": [],
        "summary": None,
    }  # fmt: skip
    assert "3/3 trials, 3/3 epochs" in told.err
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["finished"] == []


def test_a_quiet_run_that_ends_well_says_nothing(words, capsys):
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_quiet_run_that_is_stopped_says_how_it_goes_on(words, capsys):
    assert main([*words, "-q", "--time-limit", "1s"]) == 4
    said = capsys.readouterr().out
    assert said.startswith("stopped (time limit); not finished: 3 trials; run the same command")
    assert said.count("\n") == 1


@pytest.mark.slow
def test_failed_trials_give_exit_code_3_and_the_next_run_tries_them_again(
    words, tmp_path, cache, capsys
):
    parent = ResultsPaths(tmp_path / "results").trial(tiny_specs(cache, epochs=1)[0].trial_id)
    parent.work.mkdir(parents=True)
    parent.attempts.write_text("in the way")
    assert main(words) == 3
    told = capsys.readouterr()
    assert "3 trials failed (see" in told.err
    assert told.err.count("\n") == 1
    assert told.out.count(f"its parent {parent.trial_id} failed") == 2
    parent.attempts.unlink()
    assert main(words) == 0
    assert not parent.failure.exists()


@pytest.mark.parametrize("finished", [False, True])
def test_a_stopped_run_offers_a_report_only_of_what_there_is(words, tmp_path, capsys, finished):
    if finished:
        write_trial(tmp_path / "results", "other", seed=0, errors=(20.0,))
    assert main([*words, "--time-limit", "1s"]) == 4
    told = capsys.readouterr().out
    assert "not finished: 3 trials" in told
    assert ("`ttq-bench report --results " in told) is finished


def test_a_parent_whose_weights_are_gone_is_made_again_for_a_new_child(words, tmp_path, cache):
    results = ResultsPaths(tmp_path / "results")
    spec = tiny_specs(cache, epochs=1)[0]
    run_trial(spec, settings_for(results.root, cache), bool)
    parent = results.trial(spec.trial_id)
    record = parent.record.read_bytes()
    weights_path(parent).unlink()
    parent.network.unlink()
    assert main(words) == 0
    assert weights_path(parent).exists()
    assert parent.record.read_bytes() == record


def test_a_diverged_parent_is_a_result_and_its_children_fail_with_the_reason(
    tmp_path, cache, capsys
):
    suite = write_suite(tmp_path, learning_rate=1e6)
    words = ["run", str(suite), "--results", str(tmp_path / "results"), "--no-report"]
    assert main([*words, "--backend", "inprocess", "--threads", "1"]) == 3
    told = capsys.readouterr()
    name = tiny_specs(cache, learning_rate=1e6)[0].trial_id
    assert f"{name}: diverged (a result, recorded as such)" in told.out
    assert told.out.count(f"its parent {name} diverged") == 2
    assert "2 trials not run: their parent diverged" in told.err
    assert "failed" not in told.err
    assert "failures" not in told.err
    assert not (tmp_path / "results/failures").exists()
    assert main([*words, "--backend", "inprocess", "--threads", "1"]) == 3
    assert "2 trials not run: their parent diverged" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize("pattern", ["layer9*", "*"])
def test_patterns_of_layers_that_fit_no_network_are_refused_before_any_download(
    tmp_path, capsys, monkeypatch, command, pattern
):
    monkeypatch.setattr(prepared, "find_source", None)  # nobody looks for images before
    suite = write_suite(tmp_path, conversion={"keep": [pattern]})

    assert main([command, str(suite), "--results", str(tmp_path / "results")]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("ttq-bench: suite tiny, model lenet5: conversion: ")
    assert (told.out, (tmp_path / "results").exists()) == ("", False)


@pytest.mark.ray
def test_a_suite_goes_the_whole_way_through_ray_to_its_report(tmp_path, cache):
    suite, results = write_suite(tmp_path, epochs=1), ResultsPaths(tmp_path / "results")

    done = command_line("run", suite, "--results", results.root, "--threads", "1")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3/3 trials, 3/3 epochs" in done.stdout
    records = [
        read_record(results.trial(spec.trial_id).record) for spec in tiny_specs(cache, epochs=1)
    ]
    assert {record.run["backend"] for record in records} == {"ray"}
    assert records[0].trial_id in (results.root / "pages/trials.md").read_text()
    assert (results.root / "report.html").exists()


def test_a_trial_that_ended_at_chance_level_is_told_at_the_end_of_each_run(tmp_path, capsys):
    suite = write_suite(tmp_path, methods=("full_precision",), learning_rate=1e-12)
    words = ["run", str(suite), "--results", str(tmp_path / "results"), "--no-report"]
    for _ in range(2):  # made now, and found
        assert main([*words, "--backend", "inprocess", "--threads", "1"]) == 0
        *_, last = capsys.readouterr().out.splitlines()

        assert last.startswith("alarm: digits-lenet5-full_precision-s0-")
        assert "ended at chance level: the same test error after each of the last epochs" in last
