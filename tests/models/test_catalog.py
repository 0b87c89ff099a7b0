import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.tiers import slow_but
from ttq_bench.models.build import FAMILIES, build_model
from ttq_bench.models.catalog import MODELS

CASES = slow_but(("lenet5", "preact_resnet20", "resnet20"), sorted(MODELS))


@pytest.fixture(scope="module", params=CASES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def card(name):
    return MODELS[name]


@pytest.fixture(scope="module")
def network(name, card):
    return build_model(name, classes=card.classes, seed=0).eval()


@pytest.mark.parametrize(
    ("depth", "millions"), [(20, "0.27"), (32, "0.46"), (44, "0.66"), (56, "0.85"), (110, "1.7")]
)
def test_residual_networks_have_the_sizes_that_he_et_al_print(depth, millions):
    assert f"{MODELS[f'resnet{depth}'].parameters / 1e6:.2g}" == millions


def test_lenet_has_the_parameters_counted_by_hand():
    convolutions = (25 + 1) * 6 + (6 * 25 + 1) * 16
    dense = (400 + 1) * 120 + (120 + 1) * 84 + (84 + 1) * 10

    assert MODELS["lenet5"].parameters == convolutions + dense


def test_a_card_counts_the_parameters_of_the_built_network(network, card):
    assert sum(p.numel() for p in network.parameters()) == card.parameters


def test_a_card_counts_the_multiply_adds_that_torch_counts(network, card):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *card.image_shape))

    assert counter.get_total_flops() == 2 * card.multiply_adds


def test_depth_is_the_number_of_weighted_layers_outside_of_shortcuts(network, card):
    layers = [
        module
        for path, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and "downsample" not in path
    ]

    assert len(layers) == card.depth


@pytest.mark.parametrize("name", CASES)
def test_images_of_the_shape_on_the_card_become_one_logit_a_class(name):
    model = build_model(name, classes=7, seed=0)

    assert model(torch.zeros(2, *MODELS[name].image_shape)).shape == (2, 7)


def test_every_card_names_a_family_and_its_source():
    assert {card.family for card in MODELS.values()} == set(FAMILIES)
    assert all(card.source for card in MODELS.values())


def test_the_catalog_needs_no_torch():
    code = "import sys, ttq_bench.models.catalog; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
