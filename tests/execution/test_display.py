import errno
import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from tests.claimed import claimed_progress
from tests.tiny_suite import tiny_plan
from ttq_bench.execution import display
from ttq_bench.execution.display import Monitor
from ttq_bench.records.attempts.progress import Progress, read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.suite.costs import Rates
from ttq_bench.suite.plan import Plan, PlannedTrial


@pytest.fixture
def results(tmp_path):
    return ResultsPaths(tmp_path)


@pytest.fixture
def plan(tmp_path, cache):
    """Two trials of 10 epochs and 100 core-seconds each."""
    specs = [trial.spec for trial in tiny_plan(tmp_path, cache, epochs=10).trials[:2]]
    return Plan(tuple(PlannedTrial(spec, "new", "", 10, 100.0) for spec in specs), Rates("cpu", {}))


def tell(results, trial, epoch, share=0.0, age=0.0):
    progress = Progress(epoch, 10, share, 12.345, 3.21, time.time() - age)
    claimed_progress(results.trial(trial.spec.trial_id), progress)


def lines(terminal=False):
    return Console(file=io.StringIO(), force_terminal=terminal, width=200)


def test_before_the_first_epoch_the_time_left_is_the_estimate_over_the_workers(plan, results):
    headline = Monitor(plan, results, 4, lines()).headline()
    # 200 core-seconds on 4 cores
    assert headline == "0/2 trials, 0/20 epochs, 0 s so far, about 50 s left"


def test_later_the_run_itself_says_how_long_it_takes(plan, results):
    tell(results, plan.trials[0], 5, share=0.5)
    monitor = Monitor(plan, results, 4, lines(), started=time.time() - 11)
    # 5.5 of 20 epochs are 55 of 200 core-seconds in 11 s: 145 / 55 * 11 = 29 s
    assert monitor.headline() == "0/2 trials, 5/20 epochs, 11 s so far, about 29 s left"


def test_a_trial_with_a_record_is_done_whatever_its_progress_says(plan, results):
    tell(results, plan.trials[0], 9)
    record = results.trial(plan.trials[0].spec.trial_id).record
    record.parent.mkdir(parents=True)
    record.touch()
    monitor = Monitor(plan, results, 1, lines(), started=time.time() - 30)
    assert monitor.headline() == "1/2 trials, 10/20 epochs, 30 s so far, about 30 s left"


def test_without_a_terminal_each_finished_epoch_is_one_plain_line(plan, results):
    console = lines()
    with Monitor(plan, results, 1, console) as monitor:
        tell(results, plan.trials[0], 0)
        monitor._new_lines()  # the epoch before the first says nothing
        tell(results, plan.trials[0], 1)
        monitor._new_lines()
        monitor._new_lines()
        monitor.tell("[bold]a word in between[/]")
    first, second, last = console.file.getvalue().splitlines()
    name = plan.trials[0].spec.trial_id
    assert first.startswith(f"{name}: epoch 1/10, validation error 12.35 %, 3.2 s/epoch | 0/2 ")
    assert second == "[bold]a word in between[/]"
    assert last.startswith("0/2 trials, 1/20 epochs, ")  # what stays to be read at the end
    assert "\x1b" not in first


def test_the_last_epochs_are_told_even_if_they_end_with_the_run(plan, results):
    console = lines()
    with Monitor(plan, results, 1, console):
        tell(results, plan.trials[1], 10)
    assert f"{plan.trials[1].spec.trial_id}: epoch 10/10" in console.file.getvalue()


def test_the_progress_of_an_earlier_run_is_no_news(plan, results):
    tell(results, plan.trials[0], 4, age=60)
    console = lines()
    with Monitor(plan, results, 1, console):
        pass
    assert console.file.getvalue() == ""


def test_on_a_terminal_the_table_shows_the_trials_at_work(plan, results):
    tell(results, plan.trials[0], 3, share=0.5)
    tell(results, plan.trials[1], 7, age=600)  # long silent: not at work
    console = lines(terminal=True)
    with Monitor(plan, results, 1, console) as monitor:
        console.print(monitor.table())
    shown = console.file.getvalue()
    assert plan.trials[0].spec.trial_id in shown
    assert plan.trials[1].spec.trial_id not in shown
    for words in ("3.5/10", "12.35 %", "3.2", "validation error", "0/2 trials"):
        assert words in shown


def test_a_damaged_progress_file_counts_as_none(plan, results):
    paths = results.trial(plan.trials[0].spec.trial_id)
    claimed_progress(paths, Progress(5, 10, 0.0, None, None, 0.0)).progress.write_text(
        '{"epoch": 5'
    )
    assert "0/20 epochs" in Monitor(plan, results, 1, lines()).headline()


def test_what_cannot_be_read_for_a_moment_stays_as_it_was_seen(plan, results, monkeypatch):
    def refused(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    tell(results, plan.trials[0], 5)
    monitor = Monitor(plan, results, 1, lines())
    assert "5/20 epochs" in monitor.headline()
    tell(results, plan.trials[0], 6)
    for name in ("iterdir", "exists"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, refused)
            assert f"{5 if name == 'iterdir' else 6}/20 epochs" in monitor.headline()


def test_of_trials_that_have_not_begun_and_of_those_done_nothing_is_read(
    plan, results, monkeypatch
):
    read = []

    def noted(paths):
        read.append(paths.trial_id)
        return read_progress(paths)

    monkeypatch.setattr(display, "read_progress", noted)
    monitor = Monitor(plan, results, 1, lines())
    assert (monitor.headline()[:4], read) == ("0/2 ", [])

    first = plan.trials[0].spec.trial_id
    tell(results, plan.trials[0], 10)
    record = results.trial(first).record
    record.parent.mkdir(parents=True)
    record.touch()
    for _ in range(3):
        assert monitor.headline().startswith("1/2 trials, 10/20 epochs")
    assert read == [first]
