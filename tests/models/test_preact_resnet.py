import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ttq_bench.batch_norm import batch_norm_feeding
from ttq_bench.models.preact_resnet import PreActivationBlock, PreActivationResNet
from ttq_bench.ternary.choice import layers_to_quantize


def test_the_shortcut_averages_pixels_between_channels_of_zeros():
    images = torch.arange(2 * 4 * 4.0).view(1, 2, 4, 4) + 1

    shortcut = PreActivationBlock(2, 4, stride=2).shortcut(images)

    assert shortcut[0, 0].abs().max() == shortcut[0, 3].abs().max() == 0
    assert shortcut[0, 1].tolist() == [[3.5, 5.5], [11.5, 13.5]]
    assert shortcut[0, 2].tolist() == [[19.5, 21.5], [27.5, 29.5]]


@pytest.mark.parametrize("activated", [False, True])
@pytest.mark.parametrize(("channels", "stride"), [((3, 3), 1), ((2, 4), 2)])
def test_a_block_normalises_before_each_convolution_and_adds_what_came_in(
    channels, stride, activated
):
    torch.manual_seed(0)
    block = PreActivationBlock(*channels, stride, activated=activated)
    images = torch.randn(4, channels[0], 6, 6)

    def norm(hidden):
        deviation = (hidden.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        return (hidden - hidden.mean((0, 2, 3), keepdim=True)) / deviation

    hidden = images if activated else norm(images).clamp(min=0)
    hidden = F.conv2d(hidden, block.conv1.weight, stride=stride, padding=1)
    expected = F.conv2d(norm(hidden).clamp(min=0), block.conv2.weight, padding=1)

    torch.testing.assert_close(block(images), expected + block.shortcut(images))


def test_only_the_very_first_block_takes_activated_images():
    model = PreActivationResNet(20, 10)

    blocks = [m for m in model.modules() if isinstance(m, PreActivationBlock)]

    assert [block.activated for block in blocks] == [True] + [False] * 8


def test_the_released_code_has_nineteen_ternary_layers_in_resnet20():
    names = layers_to_quantize(PreActivationResNet(20, 10), keep_last=False)

    assert len(names) == 19
    assert names[-1] == "linear"


def test_the_first_convolution_of_each_block_feeds_batch_normalisation_and_the_second_does_not():
    # The authors' logs show the conserved size of the scales in exactly these nine layers.
    answers = batch_norm_feeding(PreActivationResNet(20, 10))

    fed = {name for name, answer in answers.items() if answer == "yes"}
    assert fed == {"conv1"} | {f"layer{s}.{b}.conv1" for s in (1, 2, 3) for b in (0, 1, 2)}
    assert {answers[n] for n in answers if n.endswith("conv2")} == {"no"}


def test_convolutions_start_with_the_deviation_of_fan_out():
    torch.manual_seed(0)
    for module in PreActivationResNet(56, 10).modules():
        if isinstance(module, nn.Conv2d):
            expected = (2 / (module.out_channels * 9)) ** 0.5
            tolerance = 5 / (2 * module.weight.numel()) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=tolerance)
