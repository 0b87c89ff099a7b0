import pytest

from ttq_bench.ternary.strategies import DeltaStrategy

RAMP = DeltaStrategy("constant_sparsity", 0.5, start=0.1, ramp_epochs=4.0)


@pytest.mark.parametrize(
    ("epoch", "number"), [(0, 0.1), (1, 0.2), (2.5, 0.35), (4, 0.5), (100, 0.5)]
)
def test_a_ramp_goes_straight_from_start_to_number_and_stays(epoch, number):
    assert RAMP.number_at(epoch) == pytest.approx(number)


def test_a_ramp_may_go_down():
    down = DeltaStrategy("max_fraction", 0.0, start=0.2, ramp_epochs=2.0)

    assert [down.number_at(epoch) for epoch in (0, 1, 2)] == pytest.approx([0.2, 0.1, 0.0])


def test_without_a_start_the_number_never_moves():
    assert {DeltaStrategy("max_fraction", 0.05).number_at(e) for e in (0, 0.5, 9)} == {0.05}


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        (DeltaStrategy("max_fraction", 0.05), "max_fraction(0.05)"),
        (DeltaStrategy("max_fraction", 0.05, update="epoch"), "max_fraction(0.05, by epoch)"),
        (RAMP, "constant_sparsity(0.1 to 0.5 in 4 epochs)"),
    ],
)
def test_a_strategy_reads_as_in_a_table(strategy, text):
    assert str(strategy) == text


def test_a_strategy_of_wrong_types_can_still_be_shown():
    shown = str(DeltaStrategy("max_fraction", "0.05"))
    assert shown == "max_fraction('0.05')"
