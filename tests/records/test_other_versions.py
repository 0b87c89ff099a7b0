import pytest

from tests.records.conftest import make_record
from ttq_bench.records.other_versions import (
    count_left_out,
    left_out_sentences,
    spec_apart_from_version,
    split_by_version,
    training_version,
)
from ttq_bench.spec.training_version import TRAINING_VERSION

OLDER, NEWER = TRAINING_VERSION - 1, TRAINING_VERSION + 1
SPEC = {"seed": 0, "parent": "parent-1", "recipe": {"epochs": 3}, "training_version": 1}


def record(name, version):
    return make_record(name, spec={"training_version": version})


def test_a_record_that_does_not_say_its_version_is_of_version_zero():
    assert training_version(make_record("a", spec={"seed": 0})) == 0


def test_records_of_other_versions_are_split_off_and_named_by_version():
    records = [
        record("a", NEWER), record("b", TRAINING_VERSION), record("c", OLDER), record("d", NEWER)
    ]  # fmt: skip
    current, left_out = split_by_version(records)
    assert [one.trial_id for one in current] == ["b"]
    assert list(left_out.items()) == [(OLDER, ["c"]), (NEWER, ["a", "d"])]
    assert (count_left_out(left_out, "stale"), count_left_out(left_out, "newer")) == (1, 2)


def test_what_is_left_out_is_told_with_what_to_do():
    stale, newer = left_out_sentences({OLDER: ["a", "b"], NEWER: ["c"]})
    made = f"made under training version {OLDER}, the code has {TRAINING_VERSION}; nothing here"
    assert stale.startswith(f"2 records are stale: {made}")
    assert "run their suites again" in stale
    assert newer.startswith(f"1 record is newer: made under training version {NEWER}, the code has")
    assert newer.endswith("update ttq_bench to report them.")


def test_nothing_is_told_where_nothing_is_left_out():
    assert list(left_out_sentences({})) == []


@pytest.mark.parametrize("changes", [{"training_version": 0}, {"parent": "parent-of-version-0"}])
def test_specs_that_differ_in_the_version_and_in_the_id_of_their_parent_are_the_same(changes):
    assert spec_apart_from_version(SPEC | changes) == spec_apart_from_version(SPEC)


@pytest.mark.parametrize("changes", [{"seed": 1}, {"parent": None}, {"recipe": {"epochs": 4}}])
def test_specs_that_differ_in_anything_else_are_not(changes):
    assert spec_apart_from_version(SPEC | changes) != spec_apart_from_version(SPEC)
