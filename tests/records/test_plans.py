import pytest

from ttq_bench.errors import ResultsError
from ttq_bench.records.plans import PlannedSuite, read_planned, write_planned


def test_a_noted_plan_is_read_back_and_replaced_by_a_newer_one(results):
    write_planned(results, PlannedSuite("a", "quick", "A", ("x", "y")))
    write_planned(results, PlannedSuite("a", "quick", "A", ("x", "y", "z")))
    write_planned(results, PlannedSuite("b", "", "B", ()))
    assert [(plan.suite, plan.trial_ids) for plan in read_planned(results)] == [
        ("a", ("x", "y", "z")),
        ("b", ()),
    ]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"suite": "a"}'])
def test_a_damaged_plan_is_one_clear_sentence(results, content):
    path = results.root / "plans" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(ResultsError, match=r"a\.json: not a noted plan"):
        read_planned(results)
