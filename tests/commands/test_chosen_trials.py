"""``--only``, ``--seeds`` and ``--set``: a part of a suite, or a suite with other values."""

import json

import pytest

from tests.tiny_suite import write_suite
from ttq_bench.cli import main
from ttq_bench.commands.chosen_trials import expression, matches, seeds
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import read_planned

NAME = "digits-lenet5-ttq-tied-max_fraction0.05-s3-0e5a46d205f3"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("ttq", True), ("TTQ-tied", True), ("twn", False), ("not twn", True), ("not ttq", False),
        ("ttq and s3", True), ("ttq and not tied", False), ("twn or lenet5", True),
        ("twn or lenet5 and s4", False), ("twn or lenet5 and not s4", True),
    ],
)  # fmt: skip
def test_words_joined_by_and_or_not_choose_ids(text, fits):
    assert matches(expression(text), NAME) == fits


@pytest.fixture
def plan(tmp_path, answer):
    """Return the exit code and the planned trials, or the one sentence, under some options."""
    suite = write_suite(tmp_path, methods=["ttq", "twn"], seeds=[0, 1, 2])

    def planned(*options):
        words = ["plan", suite, "--results", tmp_path / "results", "--json", *options]
        code, out, err = answer(*words)
        return json.loads(out)["trials"] if code == 0 else err

    return planned


def test_a_choice_brings_the_networks_that_it_starts_from(plan):
    chosen = plan("--only", "twn", "--seeds", "0,2")

    kinds = [(t["spec"]["seed"], t["spec"]["quantization"] is not None) for t in chosen]
    assert sorted(kinds) == [(0, False), (0, True), (2, False), (2, True)]
    assert {t["parent"] for t in chosen} - {None} == {
        t["trial_id"] for t in chosen if t["parent"] is None
    }


def test_a_value_in_place_of_the_suites_makes_other_trials(plan):
    before = {trial["trial_id"] for trial in plan("--only", "ttq")}
    changed = plan("--only", "ttq", "--set", "training.fine_tuned.epochs=7", "--set", "seeds=[5]")

    assert {t["spec"]["recipe"]["epochs"] for t in changed if t["parent"]} == {7}
    assert {t["spec"]["seed"] for t in changed} == {5}
    assert not before & {trial["trial_id"] for trial in changed}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--only", "resnet"), "--only 'resnet': fits none of"),
        (("--only", ""), "expected words joined by"),
        (("--only", "ttq and"), "expected words joined by"),
        (("--seeds", "0-4"), "--seeds 0-4: 3 is no seed of"),
        (("--seeds", "2-0"), "expected seeds such as 0 or 0-4"),
        (("--seeds", "0-99999999"), "expected seeds such as 0 or 0-4"),
        (("--seeds", "a"), "expected seeds such as 0 or 0-4"),
        (("--set", "epochs"), "expected FIELD=VALUE"),
        (("--set", "training.fine_tuned.epoch=1"), "training.fine_tuned.epoch: unknown field"),
        (("--set", "seeds=[1"), "--set seeds: not valid YAML"),
        (("--set", "seeds=1"), "seeds: expected a list"),
    ],
)
def test_what_chooses_nothing_is_refused_in_one_sentence(plan, options, said):
    err = plan(*options)

    assert err.startswith("ttq-bench: ")
    assert said in err


@pytest.mark.parametrize("text", ["0", "0-4", "0,3,7-9"])
def test_lists_of_seeds_are_taken_as_they_are(text):
    assert seeds(text) == text


@pytest.mark.slow
def test_a_run_of_a_part_notes_the_whole_suite(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("TTQ_BENCH_CACHE", str(cache))
    results = ResultsPaths(tmp_path / "results")
    suite = write_suite(tmp_path, methods=["ttq", "twn"], seeds=[0, 1])
    words = ["run", suite, "--results", results.root, "--backend", "inprocess", "--no-report"]

    assert main([*map(str, words), "--only", "full_precision", "--seeds", "1"]) == 0
    assert main([*map(str, words), "--seeds", "1", "--only", "twn", "--set", "seeds=[1]"]) == 0

    whole, changed = read_planned(results)
    assert (len(whole.trial_ids), whole.profile) == (8, "")
    assert changed.profile.startswith("set-")
    assert len(changed.trial_ids) == 4
    assert len(list((results.root / "trials").iterdir())) == 2
