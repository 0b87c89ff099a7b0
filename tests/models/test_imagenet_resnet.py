import pytest
import torch
import torch.nn.functional as F
import torchvision

from ttq_bench.batch_norm import batch_norm_feeding
from ttq_bench.models.catalog import MODELS
from ttq_bench.models.imagenet_resnet import WIDTH, WIDTH_B, BasicBlock, ImageNetResNet
from ttq_bench.models.state import load_weights
from ttq_bench.ternary.choice import layers_to_quantize


@pytest.mark.parametrize("training", [True, False])
def test_a_checkpoint_of_torchvision_gives_its_logits_to_the_bit(training):
    torch.manual_seed(0)
    published = torchvision.models.resnet18(weights=None)
    for module in published.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.weight)
    model, images = ImageNetResNet(WIDTH, 1000), torch.randn(2, 3, 224, 224)

    load_weights(model, published.state_dict(), source="torchvision")

    published.train(training)
    model.train(training)
    assert torch.equal(model(images), published(images))


def test_initial_weights_are_drawn_as_in_torchvision():
    torch.manual_seed(0)
    published = dict(torchvision.models.resnet18(weights=None).named_parameters())

    for name, mine in ImageNetResNet(WIDTH, 1000).named_parameters():
        if mine.ndim > 1:
            spread = published[name].std().item()
            assert mine.std().item() == pytest.approx(spread, rel=8 / mine.numel() ** 0.5), name
        elif name != "fc.bias":
            assert torch.equal(mine, published[name]), name


def test_resnet18b_has_one_and_a_half_times_the_filters_of_every_layer():
    wide = dict(ImageNetResNet(WIDTH_B, 10).named_parameters())

    for name, weight in ImageNetResNet(WIDTH, 10).named_parameters():
        outputs, *inputs = weight.shape
        ends = {"conv1.weight": (1.5, 1.0), "fc.weight": (1.0, 1.5), "fc.bias": (1.0,)}
        grown = ends.get(name, (1.5, 1.5))
        sides = [outputs, *inputs[:1]]
        expected = [int(n * factor) for n, factor in zip(sides, grown, strict=False)]
        assert list(wide[name].shape) == [*expected, *inputs[1:]], name


def test_a_block_that_changes_nothing_adds_its_input():
    torch.manual_seed(0)
    block, images = BasicBlock(4, 4, stride=1).eval(), torch.randn(2, 4, 6, 6)

    hidden = F.relu(block.bn1(block.conv1(images)))
    hidden = block.bn2(block.conv2(hidden))

    assert torch.equal(block(images.clone()), F.relu(hidden + images))


def test_a_block_leaves_its_input_as_it_was():
    images = torch.randn(2, 4, 6, 6)
    before = images.clone()

    BasicBlock(4, 4, stride=1)(images)

    assert torch.equal(images, before)


@pytest.mark.parametrize("width", [WIDTH, WIDTH_B])
def test_all_convolutions_feed_batch_normalisation_those_of_shortcuts_too(width):
    answers = batch_norm_feeding(ImageNetResNet(width, 10))

    assert answers.pop("fc") == "no"
    assert len(answers) == 20
    assert set(answers.values()) == {"yes"}


def test_first_convolution_and_last_layer_stay_full_precision():
    names = layers_to_quantize(ImageNetResNet(WIDTH, 10))

    assert len(names) == 19
    assert not {"conv1", "fc"} & set(names)
    assert {f"layer{stage}.0.downsample.0" for stage in (2, 3, 4)} < set(names)


def test_cards_of_imagenet_count_a_thousand_classes():
    assert {name: card.classes for name, card in MODELS.items() if card.classes != 10} == {
        "alexnet": 1000, "resnet18": 1000, "resnet18b": 1000
    }  # fmt: skip
