"""What cannot be converted is said in one sentence before anything is; what is left is said too."""

import copy
import warnings
from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from ttq_bench.errors import QuantizationWarning, TtqBenchError
from ttq_bench.ternary.conversion import latent_of, quantize_, quantized_layers, set_epoch_
from ttq_bench.ternary.freezing import freeze_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.strategies import DeltaStrategy


def layers(third):
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(4, 4) for _ in range(2)), third, nn.Linear(4, 4))


def pruned():
    return prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5)


def spectral():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.spectral_norm(nn.Linear(4, 4))


def borrowed():
    layer = nn.Linear(4, 4)
    del layer.weight
    layer.weight = torch.ones(4, 4)
    return layer


class Own(nn.Parameter):
    """A parameter of a kind of its own, as sharded ones are."""


def wrapped():
    layer = nn.Linear(4, 4)
    layer.weight = Own(layer.weight.detach())
    return layer


UNFIT = [
    (pruned, "computed from other parameters .pruned.*prune.remove"),
    (spectral, "computed from other parameters"),
    (borrowed, "computed from other parameters"),
    (lambda: nn.LazyLinear(4), "has no weights yet; call the model once first"),
    (lambda: nn.LazyConv2d(4, 3), "has no weights yet"),
    (lambda: nn.Linear(4, 0), r"has no weights .its shape is \(0, 4\)"),
    (lambda: nn.Linear(4, 4, dtype=torch.complex64), "are torch.complex64, not real numbers"),
    (wrapped, "are of type Own; convert the model before it is sharded"),
    (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), "parametrization of their"),
]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("make", "message"), UNFIT)
def test_one_layer_that_does_not_fit_keeps_all_as_they_are(make, message):
    model = layers(make())
    kinds = [type(module) for module in model.modules()]

    with pytest.raises(TtqBenchError, match=f"quantize_: .*layer '2'.* {message}") as caught:
        quantize_(model, "ttq")

    assert "\n" not in str(caught.value)
    assert [type(module) for module in model.modules()] == kinds
    assert [name for name, _ in quantized_layers(quantize_(model, "ttq", keep=["2"]))] == ["1"]


WRONG = [
    ({"strategy": "max_fraction"}, "expected a delta strategy, .* got 'max_fraction' .str."),
    ({"strategy": 0.05}, "expected a delta strategy"),
    ({"method": None}, "expected the name of a method"),
    ({"method": ["ttq"]}, "expected the name of a method"),
    ({"model": "resnet20"}, "expected a network"),
    ({"keep": 3}, "expected keep=, the names"),
    ({"keep": [1]}, "expected keep=, the names"),
    ({"keep_first": 1}, "expected keep_first=True or False; got 1"),
    ({"keep_last": "no"}, "expected keep_last=True or False"),
    ({"initial_scales": 1.0}, "unknown initial_scales '1.0'"),
    ({"granularity": None}, "unknown granularity 'None'"),
    ({"normalise_latent": torch.ones(2)}, "unknown normalise_latent"),
    ({"strategy": DeltaStrategy("max_fraction", "0.05")}, "number: expected a number, got '0.05'"),
    ({"strategy": DeltaStrategy("max_fraction", None)}, "number: expected a number, got None"),
    ({"strategy": DeltaStrategy("max_fraction", 10**400)}, "number: expected a number, got 1000"),
    ({"strategy": DeltaStrategy("max_fraction", Fraction(1, 20))}, "got Fraction.1, 20."),
    ({"strategy": DeltaStrategy("max_fraction", True)}, "number: expected a number, got True"),
    ({"strategy": DeltaStrategy("max_fraction", 0.1, start="0")}, "start: expected a number"),
    (
        {"strategy": DeltaStrategy("max_fraction", 0.1, start=0.0, ramp_epochs="2")},
        "ramp_epochs: expected a number",
    ),
    ({"strategy": DeltaStrategy(["max_fraction"], 0.1)}, "unknown delta strategy"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_an_argument_of_another_type_is_answered_in_one_sentence(arguments, message):
    model = layers(nn.Linear(4, 4))

    with pytest.raises(TtqBenchError, match=f"quantize_: .*{message}") as caught:
        quantize_(**{"model": model, "method": "ttq", **arguments})

    assert "\n" not in str(caught.value)
    assert quantized_layers(model) == []


@pytest.mark.parametrize("epoch", ["3", None, True, -1, float("nan")])
def test_an_epoch_that_is_no_number_of_epochs_is_refused(epoch):
    model = quantize_(layers(nn.Linear(4, 4)), "ttq")

    with pytest.raises(TtqBenchError, match="set_epoch_: expected a number of epochs"):
        set_epoch_(model, epoch)


class Mixed(nn.Module):
    """Some of everything that has matrices."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.up = nn.ConvTranspose2d(2, 2, 3)
        self.memory = nn.LSTM(4, 4)
        self.places = nn.Parameter(torch.ones(1, 4))
        self.norm, self.layers = nn.LayerNorm(4), layers(nn.Linear(4, 4))


def told(model, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quantize_(model, "ttq", initial_scales="least_squares", **options)
    assert all(w.category is QuantizationWarning for w in caught)
    return [str(w.message) for w in caught]


def test_matrices_that_stay_are_named_with_the_reason():
    (sentence,) = told(Mixed())

    assert sentence == (
        "quantize_: left in full precision: places (Mixed), words.weight (Embedding),"
        " attention.in_proj_weight (MultiheadAttention), up.weight (ConvTranspose2d),"
        " memory.weight_ih_l0 (LSTM) and 1 more; weights of Conv1d, Conv2d, Conv3d, Linear alone"
        " are quantized"
    )


def test_what_stays_because_it_was_asked_for_is_not_named():
    assert told(layers(nn.Linear(4, 4)), keep=["1"]) == []


def test_a_module_that_shares_latent_weights_is_named():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.layers = nn.Embedding(4, 4), layers(nn.Linear(4, 4))
            self.words.weight = self.layers[1].weight

    model = Tied()
    sentences = told(model)

    told_of_it = "not quantized where another module uses them: the weights of layers.1 (in words)"
    assert f"quantize_: {told_of_it}" in sentences
    assert latent_of(model.layers[1]) is model.words.weight


def test_a_copy_of_a_converted_network_is_told_as_converted():
    model = quantize_(layers(nn.Linear(4, 4)), "ttq")

    with pytest.raises(TtqBenchError, match="layer '1' of the model is converted already"):
        quantize_(copy.deepcopy(model), "ttq")


@pytest.mark.parametrize("change", [quantize_, freeze_, fuse_, quantized_layers])
@pytest.mark.parametrize("given", [None, {}, "x"])
def test_what_is_no_network_is_refused_in_one_sentence(change, given):
    with pytest.raises(TtqBenchError, match=r"expected a network \(nn.Module\); got "):
        change(given, "ttq") if change is quantize_ else change(given)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (nn.ReLU, r"has none of the layers to convert \(Conv1d, Conv2d"),
        (lambda: nn.Embedding(3, 2), "has none of the layers to convert"),
        (lambda: torch.jit.script(nn.Linear(2, 2)), "a scripted model"),
    ],
)
def test_a_network_without_layers_to_convert_is_told_why(make, message):
    with pytest.raises(TtqBenchError, match=message):
        quantize_(make(), "ttq", keep_first=False, keep_last=False)


@pytest.mark.parametrize("trained", [False, True])
def test_the_scales_of_a_layer_are_trained_where_its_weights_are(trained):
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    model[0].requires_grad_(trained)
    quantize_(model, "ttq", DeltaStrategy("max_fraction", 0.05), keep_first=False, keep_last=False)
    assert {p.requires_grad for p in model[0].parameters()} == {trained}
