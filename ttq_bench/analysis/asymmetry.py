"""How far W_p and W_n are apart: rho = ln(W_p / W_n) of each layer, over seeds.

|W_p - W_n| says nothing where batch normalisation follows: only the ratio acts there. Layers are
taken together (``RhoOverLayers``), and one by one. Two questions on one layer are kept apart, each
answered by t tests over seeds with Holm's correction over layers:

- how large: a layer is *different* when its mean |rho| is above ``MARGIN``, *equal* when it is
  below (whatever the sign in each seed), *undecided* when neither is shown;
- how systematic: a layer is *systematic* when its mean rho differs from zero. The signs alone are
  counted too (exact binomial test, which needs six seeds), and the noise is split into that between
  seeds and that between the last epochs of one run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ttq_bench.analysis.arms import ARM_COLUMNS, Arm
from ttq_bench.analysis.judges import Verdict, above
from ttq_bench.analysis.margins import MARGIN
from ttq_bench.analysis.scale_measures import changes_of_rho, fed_layers, log_counts
from ttq_bench.analysis.statistics import (
    Estimate,
    SignConsistency,
    correlation,
    estimate,
    holm,
    p_value,
    sign_consistency,
)
from ttq_bench.analysis.systematic import SharedSigns, noise_size, shared_signs, systematic_size
from ttq_bench.analysis.tables import Tables
from ttq_bench.analysis.variance import VarianceSplit, variance_split

# Epochs at the end of a run that show its noise; a third of them, where that is more.
FEWEST_LAST = 2


@dataclass(frozen=True, slots=True)
class LayerAsymmetry:
    """One layer over seeds: signed rho, its size |rho|, and the three answers.

    ``counts`` is Pearson's r over seeds between rho and ln(n_positive / n_negative).
    """

    layer: str
    feeds_batch_norm: str
    rho: Estimate
    size: Estimate
    different: bool
    equal: bool
    systematic: bool
    signs: SignConsistency
    noise: VarianceSplit
    counts: Estimate


@dataclass(frozen=True, slots=True)
class RhoOverLayers:
    """Layers of one kind of one arm, together; each estimate has one value a seed.

    ``size`` is the mean |rho| at the last epoch, ``mean`` the mean of rho with its sign. Of what
    training added since before the first step: ``changed`` is the raw size, ``systematic`` the size
    without noise, ``noise`` what noise alone would give, and ``signs`` counts the layers in which
    all seeds share its sign.
    """

    size: Estimate
    changed: Estimate
    systematic: Estimate
    noise: float
    mean: Estimate
    signs: SharedSigns


@dataclass(frozen=True, slots=True)
class NetworkAsymmetry:
    """All layers of one arm. ``fed`` are those that feed batch normalisation, or all if none does.

    ``unfed`` are the others, judged apart: there the common size of both scales acts too.
    ``start`` is the mean |rho| of the fed layers before the first step: zero where both scales
    start at one. ``undefined`` counts scales that are not positive, for which there is no rho; a
    seed without any rho is in no mean.
    """

    arm: Arm
    fed: RhoOverLayers
    unfed: RhoOverLayers | None
    start: float
    largest: float
    undefined: int
    layers: tuple[LayerAsymmetry, ...]

    @property
    def verdict(self) -> Verdict:
        """Answer claim A1, that the two scales become different, as the ledger does."""
        if not self.fed.systematic.n:
            return "undecided"
        own, raw = above(self.fed.systematic, MARGIN), above(self.fed.changed, MARGIN)
        return own if own == raw else "undecided"


def asymmetry(tables: Tables) -> list[NetworkAsymmetry]:
    """Return the asymmetry, at its last epoch, of every arm that learns two scales a layer."""
    networks = []
    for arm in tables.arms():
        if arm.learns_pair and len(tables.trials_of(arm)):
            networks.append(_network(tables, arm))
    return networks


def _network(tables: Tables, arm: Arm) -> NetworkAsymmetry:
    final = tables.final_scales_of(arm)
    history = tables.scales[tables.scales["trial_id"].isin(final["trial_id"])]
    trained = history[history["epoch"] > 0]
    fed = fed_layers(history)
    unfed = history.loc[history.index.difference(fed.index)]
    last = fed_layers(final)
    return NetworkAsymmetry(
        arm=arm,
        fed=rho_over_layers(fed),
        unfed=rho_over_layers(unfed) if len(unfed) else None,
        start=float(fed.loc[fed["epoch"] == 0, "rho"].abs().mean()),
        largest=float(last["rho"].abs().max()),
        undefined=int(final["rho"].isna().sum()),
        layers=_layers(
            [rows for _, rows in final.groupby("layer_index", sort=True)],
            {str(name): _noise(rows) for name, rows in trained.groupby("layer")},
        ),
    )


def rho_over_layers(history: pd.DataFrame) -> RhoOverLayers:
    """Return what the scales of some layers say at all epochs of one arm's trials."""
    last = history[history["epoch"] == history.groupby("trial_id")["epoch"].transform("max")]
    by_trial = last["rho"].groupby(last["trial_id"].astype(str))
    sizes = last["rho"].abs().groupby(last["trial_id"].astype(str))
    changes = changes_of_rho(history).to_numpy(float)
    return RhoOverLayers(
        size=estimate(list(sizes.mean(skipna=False).dropna())),
        changed=estimate(np.abs(changes).mean(axis=1)) if changes.size else estimate([]),
        systematic=systematic_size(changes),
        noise=noise_size(changes),
        mean=estimate(list(by_trial.mean(skipna=False).dropna())),
        signs=shared_signs(changes),
    )


def _noise(rows: pd.DataFrame) -> VarianceSplit:
    """Return how the last epochs' rho of one layer varies between and within seeds."""
    wide = rows.pivot(index="trial_id", columns="epoch", values="rho").sort_index(axis="columns")
    last = max(FEWEST_LAST, wide.shape[1] // 3)
    return variance_split(wide.iloc[:, -last:].dropna().to_numpy())


def _layers(
    layers: Sequence[pd.DataFrame], noise: Mapping[str, VarianceSplit]
) -> tuple[LayerAsymmetry, ...]:
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
            signs=sign_consistency(rho),
            noise=noise[str(rows["layer"].iloc[0])],
            counts=correlation(rho, log_counts(rows)),
        )
        for index, (rows, rho) in enumerate(zip(layers, rhos, strict=True))
    )


def asymmetry_table(networks: list[NetworkAsymmetry]) -> pd.DataFrame:
    """Return one row for each layer of each arm."""
    rows = []
    for network in networks:
        arm = {name: getattr(network.arm, name) for name in ARM_COLUMNS}
        for layer in network.layers:
            row = {"layer": layer.layer, "feeds_batch_norm": layer.feeds_batch_norm}
            parts = {
                f"{name}_{part}": getattr(value, part)
                for name, value in (
                    ("rho", layer.rho),
                    ("rho_size", layer.size),
                    ("rho_to_counts", layer.counts),
                )
                for part in ("mean", "low", "high", "n")
            }
            answers = {name: getattr(layer, name) for name in ("different", "equal", "systematic")}
            signs = {"signs_agreeing": layer.signs.agreeing, "signs_p": layer.signs.p}
            noise = {"between_seeds": layer.noise.between, "within_run": layer.noise.within}
            rows.append(arm | row | parts | answers | signs | noise)
    return pd.DataFrame(rows)
