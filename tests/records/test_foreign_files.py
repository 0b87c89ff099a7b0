"""Copies that programs leave among results: passed over by every command, and named once."""

import json
import shutil

import pytest

from tests.record_builders import write_grid, write_trial
from tests.records.test_probes import make_probe
from ttq_bench.cli import main
from ttq_bench.records.foreign_files import foreign_files
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import PlannedSuite, read_planned, write_planned
from ttq_bench.records.probes import publish_probe, read_probes
from ttq_bench.records.store import read_failures, read_records, write_failure

CONFLICT = "sync-conflict-20261130-101010-ABCDEFG"
# Of Finder and browsers, macOS, Office, Syncthing, OneDrive, Dropbox, Nextcloud, editors.
FORMS = (
    "{0} (1){1}", "._{0}{1}", "~${0}{1}", "{0}." + CONFLICT + "{1}", "{0}-LAPTOP{1}",
    "{0} (conflicted copy 2026-11-30){1}", "{0}_conflict-20261130-101010{1}", "{0} - Copy{1}",
    "{0} copy{1}", ".{0}{1}.swp", "{0}{1}~", "{0}{1}.bak", "{0}.orig{1}", "#{0}{1}#",
)  # fmt: skip


@pytest.fixture
def results(tmp_path):
    results = ResultsPaths(tmp_path)
    for name in ("fp", "fp-0", "fp-1"):
        write_trial(tmp_path, name, seed=0, errors=(20.0,))
    publish_probe(results, make_probe(trial_id="fp-0"))
    write_failure(results.trial("broken"), "why", "", {})
    write_planned(results, PlannedSuite("cifar", "quick", "CIFAR", ("fp-0",)))
    return results


def seen(results):
    return (
        [record.trial_id for record in read_records(results)], read_probes(results),
        read_failures(results), read_planned(results)[:1],
    )  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_of_a_file_is_passed_over_and_named(results, form):
    before = seen(results)
    copy = results.probes / form.format("fp-0", ".json")
    shutil.copy(results.trial("fp-0").probe, copy)
    shutil.copy(results.trial("fp-0").record, results.trials / "fp-0" / form.format("record", ".x"))
    assert seen(results) == before
    assert f"probes/{copy.name}" in foreign_files(results)


@pytest.mark.parametrize("form", [form for form in FORMS if "#" not in form])
def test_a_copy_of_a_folder_is_passed_over_and_named(results, form):
    before = seen(results)
    name = form.format("fp-0", "")
    shutil.copytree(results.trial("fp-0").folder, results.trials / name)
    assert seen(results) == before
    assert foreign_files(results) == [f"trials/{name}"]


@pytest.mark.parametrize("name", ["plans/cifar-quick (1).json", "plans/._cifar-quick.json",
    "failures/broken (1)/failure.json", "work/fp-0 (1)/begun.json", "trials/.~lock.x#",
    f"plans/cifar-quick.{CONFLICT}.json", "probes/notes.txt", "probes/notes.json",
    "plans/notes.json", "plans/cifar.json/notes", "probes/more.json/notes"])  # fmt: skip
def test_any_other_copy_is_passed_over_and_named(results, name):
    before = seen(results)
    (results.root / name).parent.mkdir(parents=True, exist_ok=True)
    (results.root / name).write_text("\0\5 not of ours")
    assert seen(results) == before
    assert [found for found in foreign_files(results) if name.startswith(found)]


def test_a_suite_whose_name_holds_the_word_conflict_is_noted_each_time(results):
    planned = PlannedSuite("goal_conflict", "quick_conflict", "Conflict", ("fp-0",))
    for _ in range(2):
        write_planned(results, planned)
    assert planned in read_planned(results)
    assert foreign_files(results) == []


def test_what_our_own_writers_are_at_and_what_systems_leave_is_not_worth_a_word(results):
    for name in (".fp-0.abcdefgh", ".doomed-0123456789abcdef", ".git", ".stfolder"):
        (results.trials / name).mkdir()
    for name in (".gitkeep", ".DS_Store", ".fp-0.json.abcdefgh.tmp"):
        (results.probes / name).touch()
    (results.root / "work").mkdir()
    for name in ("driver.lock", "stop"):
        (results.root / "work" / name).touch()
    assert foreign_files(results) == []


def test_a_record_that_was_renamed_is_no_copy_and_is_refused(results, capsys):
    results.trial("fp-0").folder.rename(results.trials / "fp-0-LAPTOP")
    shutil.rmtree(results.trial("fp").folder)
    assert main(["status", "--results", str(results.root)]) == 2
    assert "is the record of fp-0, not of its folder's name" in capsys.readouterr().err


@pytest.mark.slow
def test_every_command_names_them_once_and_goes_on(tmp_path, capsys):
    write_grid(tmp_path)
    results = ResultsPaths(tmp_path)
    (results.probes).mkdir(exist_ok=True)
    for name in ("record (1).json", "._record.json", f"record.{CONFLICT}.json"):
        (results.probes / name).write_bytes(b"\0\5 no JSON")
    (results.probes / "mine.json").write_text('{"todo": []}')
    (results.trials / "fp-0" / "record (1).json").write_text(json.dumps({}))
    root = str(tmp_path)
    for words in (["status", "--results", root], ["report", "--results", root],
                  ["compare", root, root]):  # fmt: skip
        assert main(words) == 0
        told = capsys.readouterr().err
        assert told.count("passed over, for ttq-bench did not write it") == words.count(root)
        for name in (
            "probes/record (1).json",
            "probes/._record.json",
            "probes/mine.json",
            "trials/fp-0/record (1)",
        ):
            assert told.count(name) == words.count(root)
