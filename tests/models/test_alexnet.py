"""Against the training log of the released code: names, shapes, sizes of activations, the count."""

import math

import pytest
import torch
import torch.nn.functional as F

from ttq_bench.analysis.reference import authors_scales
from ttq_bench.batch_norm import batch_norm_feeding
from ttq_bench.models.alexnet import AlexNet
from ttq_bench.ternary.choice import layers_to_quantize
from ttq_bench.ternary.conversion import quantize_

# The log's lines "Model Parameters", its shapes in our order of dimensions.
LOGGED = {
    "conv0.weight": (96, 3, 12, 12),
    "conv1.weight": (256, 48, 5, 5), "bn1.weight": (256,), "bn1.bias": (256,),
    "conv2.weight": (384, 256, 3, 3), "bn2.weight": (384,), "bn2.bias": (384,),
    "conv3.weight": (384, 192, 3, 3), "bn3.weight": (384,), "bn3.bias": (384,),
    "conv4.weight": (256, 192, 3, 3), "bn4.weight": (256,), "bn4.bias": (256,),
    "fc0.weight": (4096, 9216), "bnfc0.weight": (4096,), "bnfc0.bias": (4096,),
    "fc1.weight": (4096, 4096), "bnfc1.weight": (4096,), "bnfc1.bias": (4096,),
    "fct.weight": (1000, 4096), "fct.bias": (1000,),
}  # fmt: skip
# Its lines "input" and "output" of each layer: channels and pixels on a side.
LOGGED_SIZES = {
    "conv0": ((3, 224), (96, 54)), "conv1": ((96, 54), (256, 54)), "conv2": ((256, 27), (384, 27)),
    "conv3": ((384, 14), (384, 14)), "conv4": ((384, 14), (256, 14)),
}  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return AlexNet(1000).eval()


def test_parameters_are_those_that_the_log_lists(model):
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == LOGGED


def test_the_layers_to_quantize_are_those_whose_scales_the_authors_logged(model):
    assert layers_to_quantize(model) == sorted(set(authors_scales("alexnet")["layer"]))


@pytest.mark.slow
def test_converted_it_has_as_many_parameters_as_the_log_counts():
    model = quantize_(AlexNet(1000), "ttq")

    assert sum(p.numel() for p in model.parameters()) == 60_981_236


@torch.no_grad()
def test_activations_have_the_logged_sizes(model):
    seen = {}
    hooks = [
        model.get_submodule(name).register_forward_hook(
            lambda _m, given, output, name=name: seen.update({name: (given[0], output)})
        )
        for name in [*LOGGED_SIZES, "fc0"]
    ]
    model(torch.zeros(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()

    assert seen.pop("fc0")[0].shape == (1, 6 * 6 * 256)
    found = {name: tuple(tuple(t.shape[1:3]) for t in pair) for name, pair in seen.items()}
    assert found == LOGGED_SIZES


def same_pool(images):
    """Pool as TensorFlow's "SAME" does: as many outputs as strides begin, the odd pixel behind."""
    side = images.shape[-1]
    added = max((math.ceil(side / 2) - 1) * 2 + 3 - side, 0)
    before, after = added // 2, added - added // 2
    return F.max_pool2d(F.pad(images, (before, after) * 2, value=-math.inf), 3, 2)


@pytest.mark.parametrize(("side", "options"), [(54, {"ceil_mode": True}), (27, {"padding": 1})])
def test_poolings_are_those_of_the_framework_that_the_code_was_written_for(side, options):
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))

    assert torch.equal(F.max_pool2d(images, 3, 2, **options), same_pool(images))


def test_the_two_groups_do_not_see_each_other(model):
    images = torch.randn(1, 96, 54, 54, generator=torch.Generator().manual_seed(0))
    changed = images.clone()
    changed[:, 48:] += 1.0

    before, after = model.conv1(images)[0], model.conv1(changed)[0]

    assert torch.equal(before[:128], after[:128])
    assert not torch.equal(before[128:], after[128:])


def test_all_layers_but_the_last_feed_batch_normalisation():
    answers = batch_norm_feeding(AlexNet(10))

    assert answers.pop("fct") == "no"
    assert list(answers) == ["conv0", "conv1", "conv2", "conv3", "conv4", "fc0", "fc1"]
    assert set(answers.values()) == {"yes"}
