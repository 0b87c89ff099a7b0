"""Table ``METHODS``: what a suite may name as a method. Needs no torch. To add one: add a line.

A new value of a field of ``Method`` is one branch in ``gradients.py`` or ``quantizers.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ttq_bench.ternary.strategies import DeltaStrategy

Levels = Literal["unquantized", "two", "three"]
Scales = Literal["learned_pair", "learned_one", "ones", "mean_magnitude"]
LatentGradient = Literal["scaled", "straight_through", "clipped_sign"]
ScaleGradient = Literal["sum", "mean", "as_printed"]
Granularity = Literal["layer", "channel"]


@dataclass(frozen=True, slots=True)
class Method:
    """How the weights of a converted layer are made from its latent weights, and trained.

    ``label`` is the name in headings; one that ends in a comma goes on with the delta strategy.
    ``levels``: weights stay as they are, take two values (their sign) or three (Eq. 6). ``scales``:
    W_p and W_n learned, one learned for both, both 1, or both the mean magnitude of the weights
    that are not zero. Gradients: see ``gradients.py``. ``granularity`` is the published one: one
    threshold and pair of scales a layer, or one for each output channel. ``strategy`` is the
    method's own delta strategy; without one, a suite's delta strategies apply.
    """

    label: str
    source: str
    levels: Levels = "three"
    scales: Scales = "learned_pair"
    latent_gradient: LatentGradient = "scaled"
    scale_gradient: ScaleGradient = "sum"
    granularity: Granularity = "layer"
    strategy: DeltaStrategy | None = None

    @property
    def is_quantized(self) -> bool:
        """Whether layers are converted at all."""
        return self.levels != "unquantized"

    @property
    def takes_strategy(self) -> bool:
        """Whether a delta strategy has to be given."""
        return self.levels == "three" and self.strategy is None


_TTQ = "Zhu et al. 2017"
_TWN = DeltaStrategy("mean_fraction", 0.7)

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "full_precision": Method("full precision", "the unquantized network", "unquantized"),
        "ttq": Method("TTQ", f"{_TTQ}, Eqs. 6-8, true gradient of W_n"),
        "ttq-as-printed": Method(
            "TTQ, Eq. 7 as printed,", f"{_TTQ}, Eq. 7 as printed", scale_gradient="as_printed"
        ),
        "ttq-tied": Method(
            "TTQ, one scale for both,", "ttq with W_p = W_n (control)", scales="learned_one"
        ),
        "ttq-ste": Method(
            "TTQ without Eq. 8,", "ttq without Eq. 8 (control)", latent_gradient="straight_through"
        ),
        "ttq-mean-grad": Method(
            "TTQ, scale gradients averaged,", "ttq as some ports have it", scale_gradient="mean"
        ),
        "ternary-plain": Method(
            "ternary without scales,", "{-1, 0, +1}, nothing learned (control)", scales="ones"
        ),
        "twn": Method(
            "TWN", "Li et al. 2016", "three", "mean_magnitude", "straight_through", strategy=_TWN
        ),
        "bwn": Method(
            "BWN",
            "Rastegari et al. 2016",
            "two",
            "mean_magnitude",
            "clipped_sign",
            granularity="channel",
        ),
        "dorefa-w1": Method(
            "DoReFa, 1-bit weights", "Zhou et al. 2016", "two", "mean_magnitude", "straight_through"
        ),
    }
)
