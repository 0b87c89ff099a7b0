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


@pytest.mark.parametrize(
    ("kept", "reason"),
    [(-4, "Invalid JSON: EOF while parsing"), (30, "Invalid JSON: EOF while parsing")],
)
def test_a_plan_that_was_cut_short_is_refused_with_the_reason(results, kept, reason):
    path = write_planned(results, PlannedSuite("a", "quick", "A", ("x", "y")))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ResultsError, match=rf"a-quick\.json: not a noted plan \({reason}"):
        read_planned(results)


def test_a_plan_with_a_field_of_another_kind_is_refused_with_the_field(results):
    path = write_planned(results, PlannedSuite("a", "", "A", ("x",)))
    path.write_text(path.read_text().replace('"A"', "7"))
    with pytest.raises(ResultsError, match=r"a\.json: not a noted plan \(title: .*, got 7\)"):
        read_planned(results)


@pytest.mark.parametrize("content", ["[]", "{}", '{"suite": "a"}', '{"todo": ["x"]}', "no JSON"])
def test_a_file_of_the_users_own_is_no_plan_and_is_not_replaced(results, content):
    planned = PlannedSuite("a", "", "A", ("x",))
    path = results.root / "plans" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert read_planned(results) == []
    with pytest.raises(ResultsError, match=r"a\.json: lies where the plan is to be noted"):
        write_planned(results, planned)
    assert path.read_text() == content
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(ResultsError, match=r"a\.json: cannot be read .* the file that this link"):
        write_planned(results, planned)
    path.unlink()
    path.write_text(" \n")
    write_planned(results, planned)
    assert read_planned(results) == [planned]
