"""Networks whose first quantized weights keep them from learning are told of."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ttq_bench.errors import QuantizationWarning
from ttq_bench.models.build import build_model
from ttq_bench.models.catalog import MODELS
from ttq_bench.ternary.conversion import quantize_, quantized_layers

SMALL = [name for name, card in MODELS.items() if card.parameters < 1_500_000]


def told(model, method="ttq", **options):
    """Return what ``quantize_`` says of sizes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quantize_(model, method, **options)
    return [str(w.message) for w in caught if "no normalisation stands" in str(w.message)]


def plain():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 9)
    )


def normalised(norm):
    layers = list(plain())
    layers.insert(3, norm(64))
    return nn.Sequential(*layers)


@pytest.mark.parametrize("method", ["ttq", "ttq-tied", "ttq-ste", "ternary-plain"])
def test_scales_of_one_in_lenet_are_told_of_with_names_and_cure(method):
    (sentence,) = told(build_model("lenet5", classes=10, seed=0), method)

    assert all(layer in sentence for layer in ("conv2 (", "fc1 (", "fc2 ("))
    assert ("initial_scales='least_squares'" in sentence) == (method != "ternary-plain")


@pytest.mark.parametrize("method", ["ttq", "ternary-plain"])
def test_scales_of_one_before_the_softmax_of_attention_are_told_of(method):
    (sentence,) = told(build_model("vit_cifar", classes=10, seed=0), method)

    assert "between a softmax and these layers" in sentence
    assert ": blocks.0.attn.q_proj (" in sentence
    assert " and 7 more;" in sentence  # queries and keys of six blocks, no values
    assert told(build_model("vit_cifar", classes=10, seed=0), initial_scales="least_squares") == []


class Gate(nn.Module):
    """A softmax of two layers, with or without a normalisation before it, and of what it weighs."""

    def __init__(self, norm, takes):
        super().__init__()
        self.first, self.last = nn.Linear(64, 64), nn.Linear(64, 64)
        self.gate, self.value = nn.Linear(64, 64), nn.Linear(64, 64)
        self.gate_norm, self.norm, self.takes = norm, nn.LayerNorm(64), takes

    def forward(self, numbers):
        numbers = self.first(numbers)
        weighed = self.takes(self.gate_norm(self.gate(numbers))) * self.value(numbers)
        return self.last(self.norm(weighed))


@pytest.mark.parametrize(
    "takes",
    [
        nn.Softmax(1),
        lambda x: F.softmax(x, 1),
        lambda x: torch.softmax(x, 1),
        lambda x: x.softmax(1),
    ],
)
def test_any_softmax_counts_unless_a_normalisation_stands_before_it(takes):
    (sentence,) = told(Gate(nn.Identity(), takes))
    assert "between a softmax and these layers" in sentence
    assert "gate (" in sentence
    assert "value (" not in sentence
    assert told(Gate(nn.LayerNorm(64), takes)) == []


@pytest.mark.parametrize("options", [{"initial_scales": "least_squares"}, {"method": "twn"}])
def test_scales_of_the_size_of_the_weights_are_not(options):
    assert told(build_model("lenet5", classes=10, seed=0), **options) == []
    assert told(plain(), **options) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_the_table_says_which_networks_are_normalised(name):
    sentences = told(build_model(name, classes=10, seed=0))

    assert (sentences == []) == MODELS[name].is_normalised


def test_the_last_layer_of_every_network_reaches_its_output():
    (sentence,) = told(build_model("resnet20", classes=10, seed=0), keep_last=False)

    assert "larger than they were: linear (" in sentence


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm1d, nn.LayerNorm, lambda n: nn.GroupNorm(2, n), nn.RMSNorm]
)
def test_any_normalisation_behind_a_layer_counts(norm):
    assert "2 (" in told(plain())[0]
    assert told(normalised(norm)) == []


def test_a_network_that_cannot_be_traced_is_told_of_unless_it_has_a_normalisation():
    class Branching(nn.Sequential):
        def forward(self, numbers):
            return super().forward(numbers if numbers.sum() > 0 else -numbers)

    assert "2 (" in told(Branching(*plain()))[0]
    assert told(Branching(*normalised(nn.BatchNorm1d))) == []


def test_large_latent_weights_are_no_reason_to_warn():
    model = plain()
    nn.init.uniform_(model[2].weight, -2, 2)

    assert told(model) == []
    assert [name for name, _ in quantized_layers(model)] == ["2"]


def test_the_sentence_is_of_a_kind_that_can_be_silenced():
    with pytest.warns(QuantizationWarning):
        quantize_(plain(), "ttq")
