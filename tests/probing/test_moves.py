"""Moves of rho that a probe compares with making the scales equal."""

import math

import pytest
import torch

from ttq_bench.probing.moves import DRAWS, moves, rms_change

RHOS = [torch.tensor([value], dtype=torch.float64) for value in (0.1, -0.2, 0.3, 0.0)]


def values(rhos):
    return [float(rho) for rho in rhos]


def of_kind(kind, rhos=RHOS):
    return [new for name, _, new in moves(rhos) if name == kind]


def test_doubled_rho_is_twice_the_trained_one():
    assert values(of_kind("doubled")[0]) == pytest.approx([0.2, -0.4, 0.6, 0.0])


def test_zero_or_doubled_moves_each_layer_as_far_as_equal_scales_do():
    drawn = of_kind("zero or doubled")

    assert len(drawn) == DRAWS
    assert len({tuple(values(new)) for new in drawn}) > 1
    equal = rms_change(RHOS, [0 * rho for rho in RHOS])
    for new in drawn:
        assert [abs(b - a) for a, b in zip(RHOS, new, strict=True)] == [abs(rho) for rho in RHOS]
        assert rms_change(RHOS, new) == equal


def test_permuted_layers_have_each_others_values():
    for new in of_kind("permuted"):
        assert sorted(values(new)) == sorted(values(RHOS))


def test_the_common_value_is_the_mean():
    assert values(of_kind("common")[0]) == pytest.approx([0.05] * 4)


def test_the_change_is_the_root_mean_square_over_layers():
    assert rms_change(RHOS[:2], [torch.tensor(0.4), torch.tensor(0.2)]) == pytest.approx(
        math.sqrt((0.3**2 + 0.4**2) / 2)
    )


def test_draws_are_the_same_for_every_trial():
    assert [values(new) for *_, new in moves(RHOS)] == [values(new) for *_, new in moves(RHOS)]


def test_values_by_channel_are_neither_permuted_nor_made_common():
    channels = [torch.tensor([0.1, 0.2]), torch.tensor([0.3, 0.4, 0.5])]

    assert {kind for kind, *_ in moves(channels)} == {"doubled", "zero or doubled"}
    assert rms_change(channels, [0 * rho for rho in channels]) == pytest.approx(
        math.sqrt((0.025 + 0.5 / 3) / 2)
    )
