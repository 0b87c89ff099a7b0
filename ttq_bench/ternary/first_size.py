"""Whether a network's first quantized weights are so large that it may never learn.

With scales of one (the paper's) weights of 0.05 become 1. Behind a batch normalisation that changes
nothing; without one every such layer multiplies the network's answers.
"""

from collections.abc import Mapping

import torch
from torch import nn

from ttq_bench.batch_norm import reaching_the_output
from ttq_bench.ternary.quantizers import Quantizer

MUCH = 4.0  # times as large: LeNet-5's layers are 10 to 30 times
SHOWN = 5


@torch.no_grad()
def oversized(model: nn.Module, quantizers: Mapping[str, Quantizer]) -> str:
    """Return a sentence on the layers of a network, not yet converted, that get too large, or none.

    ``quantizers`` by the names of layers.
    """
    found = []
    for name in reaching_the_output(model):
        quantizer = quantizers.get(name)
        if quantizer is None or quantizer.scales is None:
            continue
        latent = model.get_submodule(name).get_parameter("weight")
        if latent.is_meta:  # has no numbers yet
            continue
        size = float(latent.norm())
        times = float(quantizer(latent).norm()) / size if size else 0.0
        if times > MUCH:
            found.append(f"{name} ({times:.0f} times)")
    if not found:
        return ""
    cure = (
        "start with initial_scales='least_squares' and train with Adam, or the scales more slowly"
    )
    if all(quantizers[name.partition(" ")[0]].method.scales == "ones" for name in found):
        cure = "take a method whose scales are learned or computed"
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        "no normalisation stands between the output and these layers, whose weights become larger"
        f" than they were: {', '.join(found[:SHOWN])}{more}; training may begin with a huge loss"
        f" and stay at chance level; {cure}"
    )
