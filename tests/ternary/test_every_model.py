"""Every entry of ``MODELS``: converted, trained for a step, its weights looked at.

The smallest network of each family meets all methods, the deeper ones TTQ. Those that take seconds
to build meet two methods, whose weights are computed in different ways (``ternary/fused/rows.py``).
The third tier has networks between two others of their family, and on large networks the further
methods: small ones meet them in the first.
"""

import pytest
import torch
import torch.nn.functional as F

from ttq_bench.models.build import FAMILIES, build_model
from ttq_bench.models.catalog import MODELS
from ttq_bench.ternary.choice import layers_to_quantize
from ttq_bench.ternary.conversion import (
    latent_of,
    quantize_,
    quantized_layers,
    quantizer_of,
)
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.methods import METHODS

QUANTIZED = sorted(name for name in METHODS if METHODS[name].is_quantized)
SMALLEST = {card.family: name for name, card in reversed(MODELS.items())}
LARGE = 20_000_000  # parameters


def methods_for(name):
    if MODELS[name].parameters > LARGE:
        return ["bwn", "ttq"]
    return QUANTIZED if name in SMALLEST.values() else ["ttq"]


CASES = [(name, method) for name in MODELS for method in methods_for(name)]
QUICK_SIZE, MIDDLE_SIZE = 500_000, 1_000_000  # parameters


def tier(name, method):
    """Return the marks of a case."""
    size = MODELS[name].parameters
    if size < QUICK_SIZE:
        return ()
    stands_for_all = method == "ttq" or (method == "bwn" and size < LARGE)
    return pytest.mark.slow if size > MIDDLE_SIZE and stands_for_all else pytest.mark.full


def test_every_family_has_a_network():
    assert set(SMALLEST) == set(FAMILIES)


@pytest.mark.parametrize(
    ("name", "method"), [pytest.param(*case, marks=tier(*case)) for case in CASES]
)
def test_a_step_moves_every_network_under_every_method(name, method):
    plain = build_model(name, classes=3, seed=0)
    names, kept = layers_to_quantize(plain), set(dict(plain.named_parameters()))
    model = fuse_(quantize_(plain, method)).to(memory_format=torch.channels_last)
    before = {n: latent_of(layer).detach().clone() for n, layer in quantized_layers(model)}
    images = torch.randn(2, *MODELS[name].image_shape, generator=torch.Generator().manual_seed(1))
    images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    loss = F.cross_entropy(model(images), torch.tensor([0, 2]))
    loss.backward()
    optimizer.step()

    assert torch.isfinite(loss)
    assert set(before) == set(names)
    assert {f"{n}.weight" for n in names} == kept - set(dict(model.named_parameters()))
    levels = {"two": 2, "three": 3}[METHODS[method].levels]
    for layer_name, layer in quantized_layers(model):
        latent = latent_of(layer)
        assert torch.isfinite(latent).all(), layer_name
        assert not torch.equal(latent, before[layer_name]), layer_name
        assert quantizer_of(layer).codes(latent).unique().numel() == levels, layer_name
        for scale in quantizer_of(layer).parameters():
            # One scale of a layer that feeds batch normalisation has no effect at all.
            assert scale.grad.abs().sum() > 0 or method == "ttq-tied", layer_name
