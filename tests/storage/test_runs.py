"""Runs whose results are in object storage, seen from several machines, against a server process.

Each machine is a cache folder of its own: nothing is shared but the server.
"""

import json
import os
import signal
import time

import pytest

from tests.storage.conftest import RUN, copy
from tests.tiny_suite import STRATEGIES, write_suite
from tests.trial.same_trial import assert_same_trial, exact, rows
from ttq_bench.records.remote.objects import Objects
from ttq_bench.records.store import read_record

pytestmark = pytest.mark.slow
# Long enough to be met in the middle; one child tells as much as two.
LONG = {"epochs": 8, "delta_strategies": STRATEGIES[:1]}


def wait_until(condition, seconds=120.0):
    """As the other one, but four times a second: each look is a request to the one server."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.25)


def has_checkpoint(objects, least=1):
    """Return whether the URL has so many whole checkpoints."""
    return sum(".sha256" in name for name in objects.names("work")) >= least


def assert_same_grid(results, expected):
    names = sorted(path.name for path in expected.trials.iterdir())
    assert sorted(path.name for path in results.trials.iterdir()) == names
    for name in names:
        assert_same_trial(results.trial(name), expected.trial(name))


@pytest.fixture
def second(machine, monkeypatch):
    """The folder in which the second machine follows the URL."""
    return machine("second").results(monkeypatch)


@pytest.fixture
def same_as_undisturbed(second, undisturbed):
    """Assert that the second machine has the trials of an undisturbed run; return its folder."""

    def results(**changes):
        assert_same_grid(second, undisturbed(**changes))
        return second

    return results


@pytest.fixture
def copied(finished, objects):
    """The results of a finished run with their report, to change."""
    copy(finished.url, objects)
    return objects


def test_a_run_says_the_url_and_puts_records_plan_and_report_there(reached, finished):
    assert f"summary: {finished.url}/summary.md" in finished.said
    assert f"results in {finished.url}" in finished.said
    assert str(finished.cache) not in finished.said
    names = Objects(finished.url).names()
    assert sum(name.startswith("trials/") for name in names) == 3
    assert {"summary.md", "report.html", "plans/tiny.json"} <= set(names)
    assert any(name.startswith("figures/") for name in names)
    assert {"pages/scales.md", "pages/trials.md"} <= set(names)
    assert not any("/." in name for name in names)


@pytest.mark.usefixtures("copied")
def test_another_machine_sees_records_and_plan(ask, second, undisturbed, tmp_path):
    code, said = ask("status", "--json")
    assert code == 0, said
    assert json.loads(said)["counts"] == {
        "finished": 3, "diverged": 0, "stale": 0, "newer": 0, "running": 0, "started": 0,
        "failed": 0,
    }  # fmt: skip
    suite = write_suite(tmp_path)
    code, said = ask("plan", suite, *RUN)
    assert "3 trials: 3 done, 0 to run" in said
    code, said = ask("run", suite, *RUN, "--no-report")
    assert code == 0, said
    for folder in undisturbed().trials.iterdir():
        # All tables but for seconds; the weights of finished trials stay at the URL.
        paths, other = second.trial(folder.name), undisturbed().trial(folder.name)
        for name in ("epochs.parquet", "scales.parquet"):
            if (folder / name).exists():
                assert exact(rows(paths, name)) == exact(rows(other, name))


def test_a_report_is_verified_where_it_is_and_not_as_it_was(ask, copied):
    code, said = ask("verify")  # this machine has all files of the report from now on
    assert code == 0, said
    table = copied.read("tables/epochs.csv")
    header, first, *others = table.splitlines(keepends=True)
    copied.write("tables/epochs.csv", b"".join([header, b"1" + first, *others]))
    copied.delete(["figures/claims.png", "tables/scales.csv"])
    code, said = ask("verify")
    assert code == 6
    assert "figures/claims.png: is missing" in said
    assert "tables/scales.csv: is missing" in said
    assert "tables/epochs.csv: row " in said
    assert f"ttq-bench: {copied.url}: " in said
    copied.write("tables/epochs.csv", table)
    code, said = ask("report", machine="third")
    assert (code, said) == (0, f"summary: {copied.url}/summary.md\n")
    code, said = ask("verify")
    assert code == 0, said
    assert said.startswith("verified: 3 records, ")
    assert "report.html and summary agree" in said


def test_a_killed_run_goes_on_elsewhere_and_ends_as_if_never_killed(
    machine, ask, objects, same_as_undisturbed, tmp_path
):
    suite = write_suite(tmp_path, **LONG)
    process = machine("first").start("run", suite, *RUN)
    wait_until(lambda: has_checkpoint(objects, 2))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    code, said = ask("status", "--json")
    assert json.loads(said)["counts"]["finished"] == 0
    code, said = ask("run", suite, *RUN, "--no-report")
    assert code == 0, said
    results = same_as_undisturbed(**LONG)
    parent = next(path for path in results.trials.iterdir() if "full_precision" in path.name)
    attempts = read_record(parent / "record.json").run["attempts"]
    assert [one["attempt"] for one in attempts] == [1, 2]
    assert attempts[1]["after_epoch"] >= 1
    states = [name for name in objects.names(f"work/{parent.name}") if name.endswith(".pt")]
    assert all("/000002/" in name for name in states)
    assert len(states) == 3  # two checkpoints and the weights


def test_a_child_starts_from_weights_that_another_machine_made(
    ask, finished, objects, same_as_undisturbed, tmp_path
):
    copy(finished.url, objects, lambda name: "-full_precision-" in name)
    code, said = ask("run", write_suite(tmp_path), *RUN, "--no-report")
    assert code == 0, said
    assert "3 trials: 1 done, 2 to run" in said
    same_as_undisturbed()
    # A record that is gone at the URL is gone on the machine that made it, too.
    objects.delete(sorted(objects.names("trials"))[-1:])
    code, said = ask("status", "--json")
    assert json.loads(said)["counts"]["finished"] == 2


@pytest.mark.full
def test_an_attempt_that_another_machine_has_taken_over_ends_and_writes_nothing_more(
    machine, objects, tmp_path, monkeypatch
):
    """The first machine's process is asleep while the second one does the whole trial."""
    suite = write_suite(tmp_path, epochs=8, methods=("full_precision",))
    sleeper = machine("first").start("run", suite, *RUN, "--no-report")
    wait_until(lambda: has_checkpoint(objects))
    os.kill(sleeper.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        code, said = machine("second").ask("run", suite, *RUN, "--no-report")
        assert code == 0, said
        assert "looking for 30 s whether process" in said
        assert time.monotonic() - begun > 30
        before = {n: objects.read(n) for n in objects.names() if not n.startswith("drivers/")}
        os.kill(sleeper.pid, signal.SIGCONT)
        said, _ = sleeper.communicate(timeout=120)
    finally:
        sleeper.kill()
        sleeper.communicate()
    assert sleeper.returncode == 75, said
    assert "another run has taken over there; this one ended" in said
    after = {n: objects.read(n) for n in objects.names() if not n.startswith("drivers/")}
    written = {n for n in before | after if before.get(n) != after.get(n)}
    assert {n for n in written if not n.endswith(("000001.end.json", "progress.json"))} == set()
    (record,) = (name for name in after if name.startswith("trials/"))
    assert before[record] == after[record]


def test_the_second_of_two_drivers_is_turned_away_and_the_first_one_ends_well(
    machine, ask, objects, tmp_path
):
    suite = write_suite(tmp_path, epochs=80)
    first = machine("first").start("run", suite, *RUN, "--no-report")
    wait_until(lambda: objects.read("drivers/000001.beat"))
    code, said = ask("run", suite, *RUN, "--no-report")
    assert code == 75, said
    assert f"{objects.url}: process {first.pid} on " in said
    first.send_signal(signal.SIGTERM)
    said, _ = first.communicate(timeout=60)
    assert first.returncode == 143, said
    assert objects.read("drivers/000001.beat") == b"over"
    assert "work/stop" not in objects.names()
    code, said = ask("run", suite, *RUN, "--no-report", "--time-limit", "1s")
    assert code == 4, said  # at once: the first one has let go
    assert "looking for" not in said


@pytest.mark.full
def test_a_server_that_goes_in_the_middle_is_told_and_the_run_goes_on_when_it_is_back(
    machine, objects, undisturbed, tmp_path, monkeypatch
):
    suite = write_suite(tmp_path, **LONG)
    first = machine("first")
    process = first.start("run", suite, *RUN, "--no-report")
    wait_until(lambda: has_checkpoint(objects))
    with first.server.gone():
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 3, said
        assert "the system refused" in said
        assert "the store does not answer: EndpointConnectionError" in said
        assert "Traceback" not in said
        code, said = first.ask("status")
        assert code == 74
        assert said.count("\n") == 1
        assert said.startswith(f"ttq-bench: {objects.url}: cannot be read or written")
    code, said = first.ask("run", suite, *RUN, "--no-report")
    assert code == 0, said
    assert_same_grid(first.results(monkeypatch), undisturbed(**LONG))


def test_a_damaged_record_at_the_url_is_named_there(ask, finished, objects):
    copy(finished.url, objects, lambda name: name.startswith("trials/"))
    name = next(iter(objects.names()))
    content = bytearray(objects.read(name))
    content[600] ^= 1
    objects.write(name, bytes(content))
    code, said = ask("status")
    assert code == 2
    assert said == (
        f"ttq-bench: {objects.url}/{name}: does not agree with the SHA256SUMS in it; delete it to"
        " run the trial again\n"
    )


def test_no_secret_is_in_what_a_run_writes_or_says(reached, finished):
    written = [path.read_bytes() for path in finished.cache.rglob("*") if path.is_file()]
    objects = Objects(finished.url)
    stored = [objects.read(name) for name in objects.names()]
    assert written
    assert stored
    for content in [*written, *stored, finished.said.encode()]:
        assert b"CANARY" not in content.upper()
