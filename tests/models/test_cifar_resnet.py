import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ttq_bench.models.cifar_resnet import BasicBlock, CifarResNet

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def test_modules_are_named_as_in_the_common_checkpoints():
    expected = {"conv1.weight", "linear.weight", "linear.bias", *(f"bn1.{part}" for part in NORM)}
    for block in (f"layer{stage}.{number}" for stage in (1, 2, 3) for number in (0, 1, 2)):
        for place in (1, 2):
            expected.add(f"{block}.conv{place}.weight")
            expected.update(f"{block}.bn{place}.{part}" for part in NORM)

    assert set(CifarResNet(20, 10).state_dict()) == expected


def test_an_identity_shortcut_gives_the_images_back():
    images = torch.randn(2, 4, 5, 5)

    assert BasicBlock(4, 4, stride=1).shortcut(images) is images


def test_option_a_keeps_every_second_pixel_between_channels_of_zeros():
    images = torch.arange(2 * 4 * 4.0).view(1, 2, 4, 4) + 1

    shortcut = BasicBlock(2, 4, stride=2).shortcut(images)

    assert shortcut.tolist() == [
        [
            [[0, 0], [0, 0]],
            [[1, 3], [9, 11]],
            [[17, 19], [25, 27]],
            [[0, 0], [0, 0]],
        ]
    ]


def test_an_odd_number_of_new_channels_is_padded_to_the_full_width():
    assert BasicBlock(2, 5, stride=2).shortcut(torch.ones(1, 2, 4, 4)).sum((0, 2, 3)).tolist() == [
        0, 4, 4, 0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(("channels", "stride"), [((3, 3), 1), ((2, 4), 2)])
def test_a_block_adds_its_shortcut_before_the_last_rectifier(channels, stride):
    torch.manual_seed(0)
    block, images = BasicBlock(*channels, stride), torch.randn(4, channels[0], 6, 6)

    def norm(hidden):
        deviation = (hidden.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        return (hidden - hidden.mean((0, 2, 3), keepdim=True)) / deviation

    hidden = norm(F.conv2d(images, block.conv1.weight, stride=stride, padding=1)).clamp(min=0)
    hidden = norm(F.conv2d(hidden, block.conv2.weight, padding=1))
    expected = (hidden + block.shortcut(images)).clamp(min=0)

    torch.testing.assert_close(block(images.clone()), expected)


def test_a_block_leaves_its_input_as_it_was():
    images = torch.randn(2, 4, 5, 5)
    before = images.clone()

    BasicBlock(4, 4, stride=1)(images)

    assert torch.equal(images, before)


def test_stages_halve_the_image_and_double_the_channels():
    model, shapes = CifarResNet(20, 10), []
    for stage in (model.layer1, model.layer2, model.layer3):
        stage.register_forward_hook(lambda _m, _i, output: shapes.append(tuple(output.shape[1:])))

    model(torch.zeros(1, 3, 32, 32).repeat(2, 1, 1, 1))

    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


def test_convolutions_start_with_the_deviation_of_he_et_al():
    torch.manual_seed(0)
    for module in CifarResNet(56, 10).modules():
        if isinstance(module, nn.Conv2d):
            expected = (2 / (module.in_channels * 9)) ** 0.5
            tolerance = 5 / (2 * module.weight.numel()) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=tolerance)


def test_a_depth_that_is_not_6n_plus_2_is_a_mistake_of_the_caller():
    with pytest.raises(AssertionError, match="depth 21"):
        CifarResNet(21, 10)
