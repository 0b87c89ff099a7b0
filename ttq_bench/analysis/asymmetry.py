"""How far W_p and W_n are apart: rho = ln(W_p / W_n) of each layer, over seeds.

|W_p - W_n| has no meaning where batch normalisation follows: only the ratio acts there. rho is
judged over all layers together (``RhoOverLayers``), and layer by layer. For one layer there are two
questions, each answered by t tests over seeds with Holm's correction over layers:

- How large is rho? A layer is *different* when its mean |rho| is shown to be above ``MARGIN``, and
  *equal* when it is shown to be below, whatever the sign in each seed.
- Is it systematic? A layer is *systematic* when its mean rho is shown to differ from zero. The
  signs are counted too (exact binomial test, which needs six seeds), and the noise is split into
  that between seeds and that between the last epochs of one run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ttq_bench.analysis.arms import ARM_COLUMNS, Arm
from ttq_bench.analysis.judges import Verdict, above
from ttq_bench.analysis.margins import MARGIN
from ttq_bench.analysis.scale_measures import (
    changes_of_rho,
    changes_of_size,
    fed_layers,
    log_counts,
)
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

# The noise within a run is that of its last third of epochs, of at least so many.
FEWEST_LAST = 2


@dataclass(frozen=True, slots=True)
class LayerAsymmetry:
    """One layer over seeds: ``rho`` with its sign, ``size`` |rho|, and the results of the tests.

    ``noise`` splits the spread of rho into that between seeds and that within a run. ``counts`` is
    Pearson's r over seeds between rho and ln(n_positive / n_negative).
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
    """All layers of one kind of one arm; each estimate has one value a seed.

    ``size`` is the mean |rho| at the last epoch, ``mean`` the mean of rho with its sign. The others
    are about the change of rho since before the first step: ``changed`` is its mean size,
    ``systematic`` that size without noise, ``noise`` the size that noise alone would have, and
    ``signs`` counts the layers in which all seeds agree in sign. ``growth`` is the change of the
    logarithm of the common size sqrt(W_p W_n), which acts where no batch normalisation follows.
    """

    size: Estimate
    changed: Estimate
    systematic: Estimate
    noise: float
    mean: Estimate
    signs: SharedSigns
    growth: Estimate


@dataclass(frozen=True, slots=True)
class NetworkAsymmetry:
    """The layers of one arm. ``fed`` are those that feed batch normalisation, or all if none does.

    ``unfed`` are the others, judged apart: there the common size of both scales acts too.
    ``start`` is the mean |rho| of the fed layers before the first step: zero where both scales
    start at one. ``undefined`` counts the layers of all trials that have a scale which is not
    positive, and so no rho.
    """

    arm: Arm
    fed: RhoOverLayers
    unfed: RhoOverLayers | None
    start: float
    undefined: int
    layers: tuple[LayerAsymmetry, ...]

    @property
    def verdict(self) -> Verdict:
        """Return the verdict on claim A1, that the two scales become different; see ``ledger``."""
        if not self.fed.systematic.n:
            return "undecided"
        own = above(self.fed.systematic, MARGIN)
        others = {above(size, MARGIN) for size in (self.fed.changed, self.fed.size)}
        return own if others == {own} else "undecided"


def asymmetry(tables: Tables) -> list[NetworkAsymmetry]:
    """Return the asymmetry, at its last epoch, of every arm that learns two scales a layer."""
    arms = [arm for arm in tables.arms() if arm.learns_pair and len(tables.trials_of(arm))]
    return [_network(tables, arm) for arm in arms]


def _network(tables: Tables, arm: Arm) -> NetworkAsymmetry:
    final = tables.final_scales_of(arm)
    history = tables.scales[tables.scales["trial_id"].isin(final["trial_id"])]
    trained = history[history["epoch"] > 0]
    fed = fed_layers(history)
    unfed = history.loc[history.index.difference(fed.index)]
    return NetworkAsymmetry(
        arm=arm,
        fed=rho_over_layers(fed),
        unfed=rho_over_layers(unfed) if len(unfed) else None,
        start=float(fed.loc[fed["epoch"] == 0, "rho"].abs().mean()),
        undefined=int(final["rho"].isna().sum()),
        layers=_layers(
            [rows for _, rows in final.groupby("layer_index", sort=True)],
            {str(name): _noise(rows) for name, rows in trained.groupby("layer")},
        ),
    )


def rho_over_layers(history: pd.DataFrame) -> RhoOverLayers:
    """Return rho over some layers, from their scales at all epochs of one arm's trials."""
    last = history[history["epoch"] == history.groupby("trial_id")["epoch"].transform("max")]
    rho, trials = last["rho"], last["trial_id"].astype(str)
    changes = changes_of_rho(history).to_numpy(float)
    return RhoOverLayers(
        size=estimate(list(rho.abs().groupby(trials).mean(skipna=False).dropna())),
        changed=estimate(np.abs(changes).mean(axis=1)) if changes.size else estimate([]),
        systematic=systematic_size(changes),
        noise=noise_size(changes),
        mean=estimate(list(rho.groupby(trials).mean(skipna=False).dropna())),
        signs=shared_signs(changes),
        growth=estimate(list(changes_of_size(history).mean(axis=1))),
    )


def _noise(rows: pd.DataFrame) -> VarianceSplit:
    """Return how rho of one layer varies between seeds, and between the last epochs of a run."""
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
            estimates = {"rho": layer.rho, "rho_size": layer.size, "rho_to_counts": layer.counts}
            rows.append({
                **arm,
                "layer": layer.layer,
                "feeds_batch_norm": layer.feeds_batch_norm,
                **{
                    f"{name}_{part}": getattr(value, part)
                    for name, value in estimates.items()
                    for part in ("mean", "low", "high", "n")
                },
                "different": layer.different,
                "equal": layer.equal,
                "systematic": layer.systematic,
                "signs_agreeing": layer.signs.agreeing,
                "signs_p": layer.signs.p,
                "between_seeds": layer.noise.between,
                "within_run": layer.noise.within,
            })  # fmt: skip
    return pd.DataFrame(rows)
