"""Figures of the authors' released logs on our claims: one run each, so there is no interval."""

from dataclasses import dataclass
from functools import cache

import pandas as pd

from ttq_bench.analysis.paper import IMAGENET, TABLE_1
from ttq_bench.analysis.reference import authors_errors, authors_scales
from ttq_bench.analysis.scale_measures import fed_layers


@dataclass(frozen=True, slots=True)
class Logged:
    """A figure of a log in the unit of its claim, and in words."""

    value: float
    words: str


@cache
def resnet20_gain() -> Logged:
    """Return the printed full-precision error minus TTQ's logged error at the end, in points."""
    return _gain("resnet20", TABLE_1["resnet20"][0])


@cache
def alexnet_gain() -> Logged:
    """Return the printed full-precision error minus TTQ's logged error at the end, in points."""
    return _gain("alexnet", IMAGENET["alexnet"]["full_precision"][0])


def _gain(model: str, full_precision: float) -> Logged:
    errors = authors_errors(model)
    assert errors is not None, f"there is a log of {model}"
    column = errors["test_error_percent"]
    final, lowest = float(column.iloc[-1]), float(column.min())
    gain = full_precision - final
    words = f"{final:.2f} % at the end, {lowest:.2f} % lowest: {gain:+.2f} to the printed baseline"
    return Logged(gain, words)


@cache
def resnet20_size_of_rho() -> Logged:
    """Return the mean |rho| at the end, over layers that feed batch normalisation."""
    rho, fed = _rho_of_resnet20()
    size = float(fed.abs().mean())
    whole = f"{rho.abs().mean():.3f} over all {len(rho)}"
    words = f"{size:.3f} ({len(fed)} layers before batch normalisation; {whole}; noise included)"
    return Logged(size, words)


@cache
def resnet20_mean_rho() -> Logged:
    """Return the mean rho at the end, over layers that feed batch normalisation."""
    rho, fed = _rho_of_resnet20()
    mean = float(fed.mean())
    below = f"below zero in {int((fed < 0).sum())} of {len(fed)} layers before batch"
    whole = f"{rho.mean():+.3f} over all, {int((rho < 0).sum())} of {len(rho)}"
    return Logged(mean, f"{mean:+.3f} ({below} normalisation; {whole})")


def _rho_of_resnet20() -> tuple["pd.Series[float]", "pd.Series[float]"]:
    """Return rho of all layers at the end, and of those that feed batch normalisation."""
    scales = authors_scales("resnet20")
    assert scales is not None, "there is a log of resnet20"
    final = scales[scales["epoch"] == scales["epoch"].max()]
    return final["rho"], fed_layers(final)["rho"]
