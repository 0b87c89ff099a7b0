"""Figures of the authors' released logs on our claims: one run each, so there is no interval."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import pandas as pd

from ttq_bench.analysis.paper import TABLE_1
from ttq_bench.analysis.reference import authors_errors, authors_scales
from ttq_bench.analysis.scale_measures import fed_layers

ALEXNET_FULL_PRECISION = 42.8  # top-1 error %, printed in Table 2 [P]


@dataclass(frozen=True, slots=True)
class Logged:
    """A figure of a log in the unit of its claim, and in words."""

    value: float
    words: str


def _gain(model: str, full_precision: float) -> Logged:
    errors = authors_errors(model)
    assert errors is not None, f"there is a log of {model}"
    column = errors["test_error_percent"]
    final, lowest = float(column.iloc[-1]), float(column.min())
    gain = full_precision - final
    words = f"{final:.2f} % at the end, {lowest:.2f} % lowest: {gain:+.2f} to the printed baseline"
    return Logged(gain, words)


def _size_of_rho(model: str) -> Logged:
    final, fed = _rho_at_the_end(model)
    size = float(fed["rho"].abs().mean())
    whole = f"{final['rho'].abs().mean():.3f} over all {len(final)}"
    words = f"{size:.3f} ({len(fed)} layers before batch normalisation; {whole}; noise included)"
    return Logged(size, words)


def _mean_rho(model: str) -> Logged:
    final, fed = _rho_at_the_end(model)
    mean = float(fed["rho"].mean())
    below = f"below zero in {int((fed['rho'] < 0).sum())} of {len(fed)} layers before batch"
    whole = f"{final['rho'].mean():+.3f} over all, {int((final['rho'] < 0).sum())} of {len(final)}"
    return Logged(mean, f"{mean:+.3f} ({below} normalisation; {whole})")


def _rho_at_the_end(model: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all layers, and those that our measures use: they feed batch normalisation."""
    scales = authors_scales(model)
    assert scales is not None, f"there is a log of {model}"
    final = scales[scales["epoch"] == scales["epoch"].max()]
    return final, fed_layers(final)


_LOGGED: Mapping[str, Callable[[], Logged]] = MappingProxyType(
    {
        "resnet20 gain": lambda: _gain("resnet20", TABLE_1["resnet20"][0]),
        "alexnet gain": lambda: _gain("alexnet", ALEXNET_FULL_PRECISION),
        "resnet20 size of rho": lambda: _size_of_rho("resnet20"),
        "resnet20 mean rho": lambda: _mean_rho("resnet20"),
    }
)


@cache
def logged(name: str) -> Logged | None:
    """Return the figure with this name (``Claim.log``), None for an empty name."""
    return _LOGGED[name]() if name else None
