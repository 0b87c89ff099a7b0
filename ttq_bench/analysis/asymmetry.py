"""How far W_p and W_n are apart: rho = ln(W_p / W_n) of each layer, over seeds.

|W_p - W_n| says nothing where batch normalisation follows: only the ratio acts there. Two
questions are kept apart, each answered by t tests over seeds with Holm's correction over layers:

- how large: a layer is *different* when its mean |rho| is above ``MARGIN``, *equal* when it is
  below (whatever the sign in each seed), *undecided* when neither is shown;
- how systematic: the sign of rho is the same beyond chance when its mean differs from zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from ttq_bench.analysis.statistics import Estimate, estimate, holm, p_value
from ttq_bench.analysis.tables import Arm, Tables

MARGIN = 0.05  # a ratio of 1.05, the narrower of the two margins in use


@dataclass(frozen=True, slots=True)
class LayerAsymmetry:
    """One layer over seeds: signed rho, its size |rho|, and the three answers."""

    layer: str
    feeds_batch_norm: str
    rho: Estimate
    size: Estimate
    different: bool
    equal: bool
    systematic: bool


@dataclass(frozen=True, slots=True)
class NetworkAsymmetry:
    """All layers of one arm; ``size`` is the mean of |rho| over layers, one value a seed.

    ``start`` is that mean before the first step: zero where both scales start at one.
    ``undefined`` counts scales that are not positive, for which there is no rho.
    """

    arm: Arm
    size: Estimate
    start: float
    largest: float
    undefined: int
    layers: tuple[LayerAsymmetry, ...]

    @property
    def verdict(self) -> str:
        """Answer claim A1, that the two scales become different, by a majority of the layers."""
        if 2 * sum(layer.different for layer in self.layers) > len(self.layers):
            return "supported"
        if 2 * sum(layer.equal for layer in self.layers) > len(self.layers):
            return "contradicted"
        return "undecided"


def asymmetry(tables: Tables) -> list[NetworkAsymmetry]:
    """Return the asymmetry, at its last epoch, of every arm that learns two scales a layer."""
    networks = []
    for arm in tables.arms():
        if arm.learns_pair and len(tables.trials_of(arm)):
            networks.append(_network(tables, arm))
    return networks


def _network(tables: Tables, arm: Arm) -> NetworkAsymmetry:
    final = tables.final_scales_of(arm)
    first = tables.scales[tables.scales["trial_id"].isin(final["trial_id"])]
    first = first[first["epoch"] == 0]
    size = final["rho"].abs()
    return NetworkAsymmetry(
        arm=arm,
        size=estimate(list(size.groupby(final["trial_id"]).mean())),
        start=float(first["rho"].abs().mean()),
        largest=float(size.max()),
        undefined=int(size.isna().sum()),
        layers=_layers([rows for _, rows in final.groupby("layer_index", sort=True)]),
    )


def _layers(layers: Sequence[pd.DataFrame]) -> tuple[LayerAsymmetry, ...]:
    rhos = [rows["rho"].to_numpy() for rows in layers]
    different = holm([p_value(np.abs(rho), MARGIN, "greater") for rho in rhos])
    equal = holm([p_value(np.abs(rho), MARGIN, "less") for rho in rhos])
    systematic = holm([p_value(rho, 0.0, "two-sided") for rho in rhos])
    return tuple(
        LayerAsymmetry(
            layer=str(rows["layer"].iloc[0]),
            feeds_batch_norm=str(rows["feeds_batch_norm"].iloc[0]),
            rho=estimate(rho),
            size=estimate(np.abs(rho)),
            different=different[index],
            equal=equal[index],
            systematic=systematic[index],
        )
        for index, (rows, rho) in enumerate(zip(layers, rhos, strict=True))
    )


def asymmetry_table(networks: list[NetworkAsymmetry]) -> pd.DataFrame:
    """Return one row for each layer of each arm."""
    rows = []
    for network in networks:
        arm = {field.name: getattr(network.arm, field.name) for field in fields(Arm)}
        for layer in network.layers:
            row = {"layer": layer.layer, "feeds_batch_norm": layer.feeds_batch_norm}
            parts = {
                f"{name}_{part}": getattr(value, part)
                for name, value in (("rho", layer.rho), ("rho_size", layer.size))
                for part in ("mean", "low", "high", "n")
            }
            answers = {name: getattr(layer, name) for name in ("different", "equal", "systematic")}
            rows.append(arm | row | parts | answers)
    return pd.DataFrame(rows)
