"""How far W_p and W_n are apart: rho = ln(W_p / W_n) of each layer, over seeds.

|W_p - W_n| says nothing where batch normalisation follows: only the ratio acts there. A layer is
*systematic* when the mean of rho over seeds differs from zero (t test, Holm over the layers of the
network), *equal* when two one-sided tests place that mean within ``MARGIN``, both when it is
small but real, and *undecided* when neither.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ttq_bench.analysis.statistics import (
    Estimate,
    estimate,
    holm,
    is_equivalent,
    p_value_against_zero,
)
from ttq_bench.analysis.tables import GROUP, Tables

MARGIN = 0.05  # a ratio of 1.05, the narrower of the two margins in the paper notes


@dataclass(frozen=True, slots=True)
class LayerAsymmetry:
    """One layer over seeds; ``same_sign`` says whether rho has one sign in every seed."""

    layer_index: int
    layer: str
    feeds_batch_norm: str
    rho: Estimate
    magnitude: float
    same_sign: bool
    systematic: bool
    equal: bool


@dataclass(frozen=True, slots=True)
class NetworkAsymmetry:
    """All layers of one arm; ``magnitude`` is the mean of |rho| over layers, one value a seed."""

    dataset: str
    protocol: str
    model: str
    arm: str
    strategy: str
    recipe: str
    magnitude: Estimate
    largest: float
    layers: tuple[LayerAsymmetry, ...]

    @property
    def verdict(self) -> str:
        """Answer claim A1, that the two scales become different.

        ``supported`` when rho is systematic in at least half of the layers; ``contradicted`` when
        all layers are equal within the margin; otherwise ``undecided``.
        """
        if sum(layer.systematic for layer in self.layers) * 2 >= len(self.layers):
            return "supported"
        if all(layer.equal for layer in self.layers):
            return "contradicted"
        return "undecided"


def asymmetry(tables: Tables) -> list[NetworkAsymmetry]:
    """Return the asymmetry of every ternary arm at its last epoch."""
    final = tables.final_scales()
    if final.empty:
        return []
    return [_network(group) for _, group in final.groupby(GROUP, sort=True)]


def _network(group: pd.DataFrame) -> NetworkAsymmetry:
    first = group.iloc[0]
    layers = [layer for _, layer in group.groupby("layer_index", sort=True)]
    systematic = holm([p_value_against_zero(list(layer["rho"])) for layer in layers])
    per_seed = group.assign(size=group["rho"].abs()).groupby("trial_id")["size"].mean()
    return NetworkAsymmetry(
        **{name: str(first[name]) for name in GROUP},
        magnitude=estimate(list(per_seed)),
        largest=float(group["rho"].abs().max()),
        layers=tuple(
            _layer(layer, is_systematic)
            for layer, is_systematic in zip(layers, systematic, strict=True)
        ),
    )


def _layer(rows: pd.DataFrame, systematic: bool) -> LayerAsymmetry:
    rho = rows["rho"].to_numpy()
    return LayerAsymmetry(
        layer_index=int(rows["layer_index"].iloc[0]),
        layer=str(rows["layer"].iloc[0]),
        feeds_batch_norm=str(rows["feeds_batch_norm"].iloc[0]),
        rho=estimate(list(rho)),
        magnitude=float(np.abs(rho).mean()),
        same_sign=bool(np.all(rho > 0) or np.all(rho < 0)),
        systematic=systematic,
        equal=is_equivalent(list(rho), MARGIN),
    )


def asymmetry_table(networks: list[NetworkAsymmetry]) -> pd.DataFrame:
    """Return one row for each layer of each arm."""
    rows = []
    for network in networks:
        for layer in network.layers:
            rows.append(
                {name: getattr(network, name) for name in GROUP}
                | {
                    "layer_index": layer.layer_index,
                    "layer": layer.layer,
                    "feeds_batch_norm": layer.feeds_batch_norm,
                    "rho_mean": layer.rho.mean,
                    "rho_low": layer.rho.low,
                    "rho_high": layer.rho.high,
                    "n": layer.rho.n,
                    "rho_magnitude_mean": layer.magnitude,
                    "same_sign_in_every_seed": layer.same_sign,
                    "systematic": layer.systematic,
                    "equal_within_margin": layer.equal,
                }
            )
    return pd.DataFrame(rows)
