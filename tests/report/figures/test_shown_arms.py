"""Which arms stand for the others."""

from tests.record_builders import BY_EPOCH, tables_of, write_trial
from ttq_bench.report.figures.shown_arms import by_family, look_numbers, one_strength, ttq_arms


def arms(root, *strategies, method="ttq"):
    for number, strategy in enumerate(strategies):
        write_trial(
            root, f"{method}-{number}", seed=0, errors=(20.0,), scales={"a": (1.0, 1.0)},
            strategy=strategy, method=method,
        )  # fmt: skip
    return tables_of(root).arms()


def strategies(found):
    return [arm.strategy for arm in found]


def test_arms_of_ttq_are_taken_alone_those_with_the_papers_threshold_first(tmp_path):
    arms(tmp_path, ("max_fraction", 0.05), method="ttq-ste")
    found = arms(
        tmp_path, ("constant_sparsity", 0.5), ("max_fraction", 0.02), ("max_fraction", 0.05)
    )
    others = ["constant_sparsity(0.5)", "max_fraction(0.02)"]
    assert strategies(ttq_arms(found)) == ["max_fraction(0.05)", *others]
    without = [arm for arm in found if arm.strategy != "max_fraction(0.05)"]
    assert strategies(ttq_arms(without)) == others


def test_one_strength_of_each_strategy_is_shown_the_usual_one_where_it_is_there(tmp_path):
    found = arms(
        tmp_path, ("constant_sparsity", 0.1), ("constant_sparsity", 0.5), ("max_fraction", 0.1),
        ("max_fraction", 0.2),
    )  # fmt: skip
    assert strategies(one_strength(found)) == ["constant_sparsity(0.5)", "max_fraction(0.1)"]


def test_methods_are_never_taken_together(tmp_path):
    arms(tmp_path, ("max_fraction", 0.1))
    found = arms(tmp_path, ("max_fraction", 0.2), method="ttq-ste")
    assert len(by_family(found)) == 2
    assert one_strength(found) == found


def test_strengths_of_one_strategy_share_a_look_and_other_arms_have_another(tmp_path):
    found = arms(
        tmp_path, ("constant_sparsity", 0.1), ("constant_sparsity", 0.5), ("max_fraction", 0.1)
    )
    assert list(look_numbers(found).values()) == [0, 0, 1]


def test_a_strength_that_moves_or_is_met_once_an_epoch_is_of_another_strategy(tmp_path):
    ramps = [("max_fraction", number, 0.0, 3.0) for number in (0.05, 0.1)]
    found = arms(tmp_path, ("max_fraction", 0.05), ("max_fraction", 0.1), *ramps, BY_EPOCH)
    assert sorted(sorted(strategies(group)) for group in by_family(found)) == [
        ["max_fraction(0 to 0.05 in 3 epochs)", "max_fraction(0 to 0.1 in 3 epochs)"],
        ["max_fraction(0.05)", "max_fraction(0.1)"],
        ["max_fraction(0.05, by epoch)"],
    ]
