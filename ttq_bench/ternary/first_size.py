"""Whether a network's first quantized weights are so large that it may never learn.

With scales of one, as in the paper, a weight of 0.05 becomes 1. Where batch normalisation follows,
that changes nothing; without it every such layer multiplies the network's answers, or attends to
one place alone.
"""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import nn

from ttq_bench.batch_norm import End, reached_unnormalised
from ttq_bench.ternary.choice import first_of
from ttq_bench.ternary.quantizers import Quantizer

EFFECTS: Mapping[End, str] = MappingProxyType(
    {
        "output": "training may begin with a huge loss and stay at chance level",
        "softmax": "the softmax may begin with almost all weight at one place, and learn no other",
    }
)
BEGINNING = "no normalisation stands between"  # of each sentence; plans look for it
LARGEST_FACTOR = 4.0  # without a warning; LeNet-5's layers become 10 to 30 times as large


@torch.no_grad()
def oversized(model: nn.Module, quantizers: Mapping[str, Quantizer]) -> list[str]:
    """Return a sentence on layers whose weights get too large, for each end that they reach.

    The network is not converted yet; ``quantizers`` are given by the names of its layers.
    """
    factors: dict[End, dict[str, float]] = {}
    for name, end in reached_unnormalised(model).items():
        quantizer = quantizers.get(name)
        if quantizer is None or quantizer.scales is None:
            continue
        latent = model.get_submodule(name).get_parameter("weight")
        if latent.is_meta:  # has no numbers yet
            continue
        size = float(latent.norm())
        factor = float(quantizer(latent).norm()) / size if size else 0.0
        if factor > LARGEST_FACTOR:
            factors.setdefault(end, {})[name] = factor
    return [_sentence(end, factors[end], quantizers) for end in EFFECTS if end in factors]


def _sentence(end: End, factors: Mapping[str, float], quantizers: Mapping[str, Quantizer]) -> str:
    cure = (
        "start with initial_scales='least_squares' and train with Adam, or the scales more slowly"
    )
    if all(quantizers[name].method.scales == "ones" for name in factors):
        cure = "take a method whose scales are learned or computed"
    layers = first_of([f"{name} ({factor:.0f} times)" for name, factor in factors.items()])
    return (
        f"{BEGINNING} {'the output' if end == 'output' else 'a softmax'} and"
        f" these layers, whose weights become larger than they were: {layers}; {EFFECTS[end]};"
        f" {cure}"
    )
