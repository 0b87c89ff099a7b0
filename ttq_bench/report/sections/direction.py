"""Which scale is larger, against the share of zeros, and what might explain it."""

from collections.abc import Iterator
from dataclasses import dataclass

from ttq_bench.analysis.authors_log import resnet20_mean_rho
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.judges import FEWEST_JUDGED
from ttq_bench.analysis.measured import Measured, Network, finished, networks, once
from ttq_bench.analysis.scale_measures import (
    counts_slope,
    least_squares_rho,
    mean_log_counts,
    mean_rho,
)
from ttq_bench.analysis.statistics import Estimate
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.contents import Contents
from ttq_bench.report.naming import arm_label
from ttq_bench.report.sections.markdown import table, with_interval

ARMS = ("ttq", "ttq-ste")
HEADER = (
    "arm", "zeros %", "mean ρ [95 %]", "mean ln(n₊/n₋)", "slope of ρ on ln(n₊/n₋)",
    "ρ of least squares", "n",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Direction:
    """One strength of one delta strategy: estimates over seeds, each a mean over layers.

    ``strategy`` has the strength, ``rule`` is the strategy's name alone.
    """

    arm: str
    strategy: str
    rule: str
    zeros: float
    rho: Measured
    counts: Measured | None
    slope: Measured | None
    least_squares: Measured | None


@once
def directions(tables: Tables, network: Network) -> list[Direction]:
    """Return every arm of ``ARMS`` under each strategy, by the share of zeros it has."""
    trials = finished(tables, network)
    strengths = []
    for arm in ARMS:
        of_arm = trials[trials["arm"] == arm]
        rules = of_arm[["delta_strategy", "strategy_name"]].drop_duplicates()
        for strategy, rule in sorted(rules.itertuples(index=False, name=None)):
            select = (arm, str(strategy))
            rho = mean_rho(tables, network, select)
            if rho is None:
                continue
            shares = trials.loc[trials["trial_id"].isin(rho.trials), "sparsity"].astype(float)
            measures = (mean_log_counts, counts_slope, least_squares_rho)
            counts, slope, squares = (measure(tables, network, select) for measure in measures)
            zeros = 100 * float(shares.mean())
            strengths.append(Direction(*select, str(rule), zeros, rho, counts, slope, squares))
    return sorted(strengths, key=lambda strength: (ARMS.index(strength.arm), strength.zeros))


def direction(contents: Contents) -> Iterator[str]:
    """Yield mean rho beside zeros and counts, setting by setting, then the authors' direction."""
    yield "Means over layers; n₊ and n₋ count the positive and the negative weights. Slope -1: ρ"
    yield "undoes the counts wholly. *ρ of least squares*: of the pair of scales nearest to the"
    yield "latent weights, ln of their mean size in the positive set over that in the negative"
    yield "(estimated from histograms)."
    yield ""
    for network in networks(contents.tables):
        found = directions(contents.tables, network)
        if not found:
            continue
        yield f"**{network}**"
        yield ""
        yield from table(HEADER, [_row(one) for one in found])
        yield from _turns([one for one in found if one.arm == ARMS[0]])
    words = resnet20_mean_rho().words
    yield f"The authors' log, at t = 0.05, has a mean ρ of {words}. It holds no share of"
    yield "zeros, so whether their direction fits their sparsity cannot be read off it."
    yield ""


def _row(one: Direction) -> list[str]:
    return [
        arm_label(one.arm, one.strategy),
        f"{one.zeros:.1f}",
        with_interval(one.rho.estimate, signed=True, digits=3),
        with_interval(_of(one.counts), signed=True, digits=3),
        with_interval(_of(one.slope), signed=True),
        with_interval(_of(one.least_squares), signed=True, digits=3),
        str(one.rho.estimate.n),
    ]


def _of(measured: Measured | None) -> Estimate | None:
    return measured.estimate if measured else None


def turning_shares(found: list[Direction]) -> tuple[float, float] | None:
    """Return up to which share of zeros TTQ's rho is above zero, and from which it is below.

    In percent; None where its sign is not shown to change as the zeros become more. Arms of one or
    two seeds, which have no interval, say nothing.
    """
    judged = [one for one in found if one.arm == ARMS[0] and one.rho.estimate.n >= FEWEST_JUDGED]
    ttq = [one for one in judged if one.rho.estimate.excludes_zero]
    above = [one.zeros for one in ttq if one.rho.estimate.mean > 0]
    below = [one.zeros for one in ttq if one.rho.estimate.mean < 0]
    if not above or not below or max(above) >= min(below):
        return None
    others = [one.zeros for one in judged if one not in ttq]
    if any(zeros < max(above) or zeros > min(below) for zeros in others):
        return None
    return max(above), min(below)


def _turns(found: list[Direction]) -> Iterator[str]:
    """Yield whether the sign of rho changes with the share of zeros, and that of the counts too."""
    shares = turning_shares(found)
    if shares is None:
        return
    yield "**The direction turns with the share of zeros:** the mean of ρ is above zero up"
    yield f"to {shares[0]:.0f} % of zeros and below zero from {shares[1]:.0f} % on."
    usual = next((one for one in found if one.strategy == TTQ[1]), None)
    if usual:
        mean = usual.rho.estimate.mean
        yield f"At t = 0.05 it is {mean:+.3f}, with {usual.zeros:.0f} % of zeros."
    judged = [one for one in found if one.rho.estimate.n >= FEWEST_JUDGED]
    shown = [one for one in judged if one.rho.estimate.excludes_zero]
    counts = [one.counts.estimate for one in shown if one.counts]
    if counts and all(value.high < 0 for value in counts):
        yield "The counts do not explain it: ln(n₊/n₋) is below zero at all of these shares."
    below = [one for one in shown if one.rho.estimate.mean < 0 and one.least_squares]
    if below and all(one.least_squares.estimate.low > 0 for one in below if one.least_squares):
        yield "Nor does least squares: where ρ is below zero it would choose one above zero."
    yield ""
