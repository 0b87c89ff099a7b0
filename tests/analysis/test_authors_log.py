"""What the authors' released logs say, against the numbers that were read off them by others."""

import pytest

from ttq_bench.analysis.authors_log import (
    alexnet_gain,
    resnet20_gain,
    resnet20_mean_rho,
    resnet20_size_of_rho,
)
from ttq_bench.analysis.claims import CLAIMS


def test_each_figure_is_in_the_unit_of_its_claims():
    units = {(claim.log, claim.unit) for claim in CLAIMS.values() if claim.log}
    assert units == {
        (alexnet_gain, "points"), (resnet20_gain, "points"), (resnet20_mean_rho, "ρ"),
        (resnet20_size_of_rho, "|ρ|"),
    }  # fmt: skip


def test_the_mean_of_rho_is_below_zero_in_most_layers():
    """Read off the log by hand: -0.057 over 19 layers, of which 15 are below zero."""
    figure = resnet20_mean_rho()
    assert figure.value == pytest.approx(-0.0741, abs=0.0001)
    assert figure.words == (
        "-0.074 (below zero in 8 of 9 layers before batch normalisation; -0.057 over all, 15 of 19)"
    )


def test_the_gain_of_resnet_20_is_that_of_the_last_epoch_not_of_the_best():
    # 9.25 % at the end, 8.48 % lowest, against 8.23 % of full precision in Table 1
    figure = resnet20_gain()
    assert figure.value == pytest.approx(8.23 - 9.25, abs=0.005)
    assert figure.words == "9.25 % at the end, 8.48 % lowest: -1.02 to the printed baseline"


def test_the_gain_of_alexnet_is_lost_at_the_last_epoch():
    # 42.83 % at the end, 42.38 % lowest, against 42.8 % of full precision in Table 2
    figure = alexnet_gain()
    assert figure.value == pytest.approx(42.8 - 42.83, abs=0.005)
    assert figure.words == "42.83 % at the end, 42.38 % lowest: -0.03 to the printed baseline"


def test_the_size_of_rho_is_over_the_layers_that_our_own_measure_takes():
    """Over all 19 layers it is 0.084; nine of them, each block's first, feed normalisation."""
    figure = resnet20_size_of_rho()
    assert figure.value == pytest.approx(0.0775, abs=0.0005)
    assert figure.words == (
        "0.078 (9 layers before batch normalisation; 0.084 over all 19; noise included)"
    )
