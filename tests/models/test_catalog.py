import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.tiers import slow_but
from ttq_bench.models.build import FAMILIES, build_model
from ttq_bench.models.catalog import MODELS

ALL = sorted(MODELS)
SMALL = ("lenet5", "preact_resnet20", "resnet20")
every_model = pytest.mark.parametrize("name", slow_but(SMALL, ALL))


@pytest.mark.parametrize(
    ("depth", "millions"), [(20, "0.27"), (32, "0.46"), (44, "0.66"), (56, "0.85"), (110, "1.7")]
)
def test_residual_networks_have_the_sizes_that_he_et_al_print(depth, millions):
    assert f"{MODELS[f'resnet{depth}'].parameters / 1e6:.2g}" == millions


def test_lenet_has_the_parameters_counted_by_hand():
    convolutions = (25 + 1) * 6 + (6 * 25 + 1) * 16
    dense = (400 + 1) * 120 + (120 + 1) * 84 + (84 + 1) * 10

    assert MODELS["lenet5"].parameters == convolutions + dense


@every_model
def test_a_card_counts_the_parameters_of_the_built_network(name):
    model = build_model(name, classes=MODELS[name].classes, seed=0)

    assert sum(p.numel() for p in model.parameters()) == MODELS[name].parameters


@every_model
def test_a_card_counts_the_multiply_adds_that_torch_counts(name):
    model = build_model(name, classes=MODELS[name].classes, seed=0).eval()

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *MODELS[name].image_shape))

    assert counter.get_total_flops() == 2 * MODELS[name].multiply_adds


@every_model
def test_images_of_the_shape_on_the_card_become_one_logit_a_class(name):
    model = build_model(name, classes=7, seed=0)

    assert model(torch.zeros(2, *MODELS[name].image_shape)).shape == (2, 7)


@pytest.mark.parametrize("name", ALL)
def test_a_card_names_a_family_and_its_source(name):
    assert MODELS[name].family in FAMILIES
    assert MODELS[name].source


@every_model
def test_depth_is_the_number_of_weighted_layers_outside_of_shortcuts(name):
    layers = [
        module
        for path, module in build_model(name, classes=10, seed=0).named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and "downsample" not in path
    ]

    assert len(layers) == MODELS[name].depth


def test_the_catalog_needs_no_torch():
    code = "import sys, ttq_bench.models.catalog; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
