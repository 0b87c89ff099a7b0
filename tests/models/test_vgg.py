import torch
from torch import nn

from ttq_bench.batch_norm import batch_norm_feeding
from ttq_bench.models.vgg import Vgg7


def test_layers_have_the_sizes_that_twn_print():
    layers = [m for m in Vgg7(10).modules() if isinstance(m, nn.Conv2d | nn.Linear)]

    assert [tuple(layer.weight.shape) for layer in layers] == [
        (128, 3, 3, 3), (128, 128, 3, 3), (256, 128, 3, 3), (256, 256, 3, 3),
        (512, 256, 3, 3), (512, 512, 3, 3), (1024, 512 * 4 * 4), (10, 1024),
    ]  # fmt: skip


def test_each_stage_ends_in_a_pooling_of_rectified_activations():
    torch.manual_seed(0)
    model, seen = Vgg7(10), []
    for stage in (model.stage1, model.stage2, model.stage3):
        stage.register_forward_hook(lambda _m, _i, output: seen.append(output))

    model(torch.randn(2, 3, 32, 32))

    shapes = [tuple(output.shape[1:]) for output in seen]
    assert shapes == [(128, 16, 16), (256, 8, 8), (512, 4, 4)]
    assert all(output.min() == 0 for output in seen)


def test_every_layer_but_the_last_feeds_batch_normalisation():
    answers = batch_norm_feeding(Vgg7(10))

    assert answers.pop("linear") == "no"
    assert set(answers.values()) == {"yes"}


def test_logits_are_not_rectified():
    torch.manual_seed(0)

    assert bool((Vgg7(10)(torch.randn(4, 3, 32, 32)) < 0).any())
