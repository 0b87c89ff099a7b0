"""Table ``CLAIMS``: what is claimed, by whom, how it is measured, and which values support it.

A claim is data. Its ``measure`` returns one value a seed for one network. The judge is the same for
all claims (``judges.within``): *supported* where the whole 95 % interval over seeds lies within
``bound``, *contradicted* where it lies wholly outside, else *undecided*. A claim is also undecided
where the runs lack what it ``needs``, and where another reading of the same records gives another
verdict (``ledger.LedgerRow.lacks``).

Sources: [P] the paper; [M] recalled, not verified; [B] a blog post of 2019, which criticises the
paper; [Q] a question of this project, which nobody has published an answer to.

Words of the statements: rho is ln(W_p / W_n) of a layer. Its *systematic size* is how far training
moves it, as a mean over layers, without the noise between seeds (``systematic.py``). *Equal scales*
are both scales of each layer set to sqrt(W_p W_n). *Full precision of the same budget* is the
control: the parent trained on without quantization.

To add a claim, add an entry; a new kind of value is a function of tables and network.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ttq_bench.analysis.authors_log import (
    Logged,
    alexnet_gain,
    resnet20_gain,
    resnet20_mean_rho,
    resnet20_size_of_rho,
)
from ttq_bench.analysis.gains import DEPTHS, TTQ, TWN, Measure, depth_slope, gain, of_ttq, over
from ttq_bench.analysis.margins import (
    CLOSE,
    MARGIN,
    MATTERS,
    NEARLY_16,
    ONE_SCALE,
    SETTLES,
    SLOPE,
)
from ttq_bench.analysis.measured import CONSTANT_RATE, OWN_RATES
from ttq_bench.analysis.model_size import layer_compression, network_compression
from ttq_bench.analysis.paper import TABLE_1, gain_slope, printed_gain
from ttq_bench.analysis.scale_measures import counts_slope, mean_rho, mean_size, systematic
from ttq_bench.analysis.settling import settling
from ttq_bench.analysis.sparsity_curve import PAPERS_MIDDLE, fall, rise, threshold_gain
from ttq_bench.analysis.symmetrised import all_at_once, excess, healed

ABOVE_ZERO = (0.0, math.inf)
BELOW_ZERO = (-math.inf, 0.0)
CIFAR = ("cifar10",)
ANY: tuple[str, ...] = ()
ONE = ("ttq-tied", TTQ[1])


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim, or one part of it that can be judged alone.

    ``datasets`` and ``models`` are those of the claim; empty ones stand for any. A measurement on
    others is proxy evidence, or none where ``only_these_models`` is true. ``margin`` is the
    difference that the runs have to find, in the claim's unit; the number of seeds needed is
    computed for it. ``needs`` is what proxy evidence must meet before it is judged (a constant of
    ``measured.py``). ``printed`` and ``printed_value`` are the figure in the paper, in words and
    as a number. ``log`` returns the figure of the authors' logs. ``suite`` is what the runs
    that decide the claim are named after in a report, where that is not its dataset.
    """

    id: str
    part: str
    statement: str
    source: str
    unit: str
    measure: Measure
    bound: tuple[float, float]
    margin: float = MATTERS
    needs: str = ""
    printed: str = "–"
    printed_value: float | None = None
    log: Callable[[], Logged] | None = None
    datasets: tuple[str, ...] = CIFAR
    models: tuple[str, ...] = ANY
    only_these_models: bool = False
    suite: str = ""

    @property
    def label(self) -> str:
        """Return the id with its part: ``A1 capacity``."""
        return f"{self.id} {self.part}".strip()

    @property
    def reach(self) -> float:
        """Return half the distance between both bounds; infinite where there is one bound."""
        low, high = self.bound
        return (high - low) / 2


def _table_1(depth: int) -> Claim:
    printed = printed_gain(f"resnet{depth}")
    full, ternary = TABLE_1[f"resnet{depth}"]
    return Claim(
        "T1", f"ResNet-{depth}",
        f"TTQ costs ResNet-{depth} what Table 1 says: its gain over full precision with the same"
        f" budget is within {MATTERS:g} points of the gain there",
        "[P] Table 1", "points", gain, (printed - MATTERS, printed + MATTERS),
        printed=f"{full:.2f} → {ternary:.2f} %: {printed:+.2f}", printed_value=printed,
        log=resnet20_gain if depth == DEPTHS[0] else None,
        models=(f"resnet{depth}", f"preact_resnet{depth}"), only_these_models=True,
    )  # fmt: skip


# The networks that the paper trains; the size of any other is proxy evidence.
NETWORKS = (
    *(f"{kind}{depth}" for depth in DEPTHS for kind in ("resnet", "preact_resnet")),
    "alexnet", "resnet18b",
)  # fmt: skip
_CLAIMS = (
    Claim(
        "A1", "different",
        "W_p and W_n become different: the mean |ρ| over layers that training adds, without the"
        f" noise between seeds (the systematic size), is above {MARGIN:g}",
        "[P] figure", "|ρ|", of_ttq(systematic), (MARGIN, math.inf), CLOSE - MARGIN,
        printed="curves", log=resnet20_size_of_rho, suite="asymmetry",
    ),
    Claim(
        "A1", "direction",
        "the larger scale is W_n, as in the authors' log: the mean of ρ is below zero", "[Q]",
        "ρ", of_ttq(mean_rho), BELOW_ZERO, MARGIN, log=resnet20_mean_rho, suite="asymmetry",
    ),
    Claim(
        "A1", "capacity", "two scales give more capacity than one: one scale has a larger error",
        "[P] text", "points", over(ONE), ABOVE_ZERO, ONE_SCALE, suite="asymmetry",
    ),
    Claim(
        "B1", "close",
        f"W_p and W_n are very close: mean |ρ| below {CLOSE:g} (A1 may hold beside it)", "[B]",
        "|ρ|",
        of_ttq(mean_size), (-math.inf, CLOSE), CLOSE - MARGIN, printed="its curves",
        log=resnet20_size_of_rho, suite="asymmetry",
    ),
    Claim(
        "B1", "no value", f"one scale is as good as two, within {ONE_SCALE:g} points", "[B]",
        "points", over(ONE), (-ONE_SCALE, ONE_SCALE), ONE_SCALE, suite="asymmetry",
    ),
    Claim(
        "Q1", "",
        "a trained network is tuned to its scales: equal scales after training cost accuracy",
        "[Q]", "points", of_ttq(all_at_once), ABOVE_ZERO, suite="asymmetry",
    ),
    Claim(
        "Q1", "excess", "equal scales cost more than other changes of the same size", "[Q]",
        "points", of_ttq(excess), ABOVE_ZERO, suite="asymmetry",
    ),
    Claim(
        "Q1", "healing", "equal scales still cost accuracy after one more epoch of training",
        "[Q]", "points", of_ttq(healed), ABOVE_ZERO, suite="asymmetry",
    ),
    Claim(
        "Q2", "", "unequal scales partly undo unequal counts: ρ falls as ln(n₊/n₋) rises"
        " (slope -1: they undo them wholly)",
        "[Q]", "slope", of_ttq(counts_slope), BELOW_ZERO, SLOPE, suite="asymmetry",
    ),
    Claim(
        "A2", "", "the scales as learning-rate multipliers (Eq. 8) help: without, a larger error",
        "[P] text", "points", over(("ttq-ste", TTQ[1])), ABOVE_ZERO, needs=OWN_RATES,
        suite="asymmetry",
    ),
    Claim(
        "O1", "", "the shares of +, 0, - settle while the scales keep moving: of their early"
        f" movement the scales keep more than the shares do, by {SETTLES:g}",
        "[P] figure", "share of movement", of_ttq(settling), (SETTLES, math.inf), SETTLES,
        CONSTANT_RATE, printed="curves", suite="asymmetry",
    ),
    *map(_table_1, DEPTHS),
    Claim(
        "T1b", "", "the gain over full precision grows with depth", "[P] Table 1",
        "points for 12 layers", depth_slope, ABOVE_ZERO, printed=f"{gain_slope():+.2f}",
        printed_value=gain_slope(), models=("resnet20", "preact_resnet20"),
    ),
    Claim(
        "F2", "", "1-bit DoReFa loses more than TTQ", "[P] figure", "points",
        over(("dorefa-w1", "")), ABOVE_ZERO, needs=OWN_RATES, printed="curve only",
        suite="asymmetry",
    ),
    Claim(
        "TWN", "", "TTQ beats TWN", "[M]", "points", over(TWN), ABOVE_ZERO, needs=OWN_RATES,
        printed="0.25 on ResNet-20", printed_value=0.25, models=("resnet20", "preact_resnet20"),
        suite="asymmetry",
    ),
    Claim(
        "T2", "top-1", "TTQ loses nothing on AlexNet (ImageNet): gain above zero", "[P] Table 2",
        "points", gain, ABOVE_ZERO, printed="42.8 → 42.5 %: +0.30", printed_value=0.3,
        log=alexnet_gain, datasets=("imagenet",), models=("alexnet",), only_these_models=True,
    ),
    Claim(
        "T3", "top-1", "TTQ beats TWN on ResNet-18B (ImageNet)", "[P] Table 3", "points",
        over(TWN), ABOVE_ZERO, printed="34.7 and 33.4 %: +1.30", printed_value=1.3,
        datasets=("imagenet",), models=("resnet18b",), only_these_models=True, suite="resnet18b",
    ),
    Claim(
        "S1", "falls", f"error falls from no zeros to {PAPERS_MIDDLE}", "[P] figure", "points",
        fall, ABOVE_ZERO, printed="curve", suite="sparsity",
    ),
    Claim(
        "S1", "rises", f"error rises from {PAPERS_MIDDLE} of zeros to 80 % and more", "[P] figure",
        "points", rise, ABOVE_ZERO, printed="curve", suite="sparsity",
    ),
    Claim(
        "S2", "", "a fixed threshold is better than a fixed share of zeros, at equal sparsity",
        "[P] text", "points", threshold_gain, ABOVE_ZERO, suite="sparsity",
    ),
    Claim(
        "Z1", "layers",
        f"ternary layers get nearly 16 times smaller (at least {NEARLY_16:g}, our reading)",
        "[P] text", "times", layer_compression, (NEARLY_16, math.inf), printed="16",
        printed_value=16.0, datasets=ANY, models=NETWORKS,
    ),
    Claim(
        "Z1", "network",
        f"the whole network gets nearly 16 times smaller (at least {NEARLY_16:g}, our reading)",
        "[P] text", "times", network_compression, (NEARLY_16, math.inf), printed="16",
        printed_value=16.0, datasets=ANY, models=NETWORKS,
    ),
)  # fmt: skip

CLAIMS: Mapping[str, Claim] = MappingProxyType({claim.label: claim for claim in _CLAIMS})
