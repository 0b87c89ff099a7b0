"""Which layers feed batch normalisation, and the fact about gradients that hangs on it.

Multiplying the weights before a batch normalisation by a constant changes nothing, so the true
gradients of such a layer obey W_p * g_p + W_n * g_n = 0.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.batch_norm import batch_norm_feeding
from ttq_bench.models.build import build_model
from ttq_bench.ternary.conversion import (
    quantize_,
    quantized_layers,
    quantizer_of,
)


class Mixed(nn.Module):
    """One layer before a normalisation, one before a sum that is normalised, two behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.fed = nn.Conv2d(1, 4, 3, padding=1)
        self.first_norm = nn.BatchNorm2d(4)
        self.summed = nn.Conv2d(4, 4, 3, padding=1)
        self.second_norm = nn.BatchNorm2d(4)
        self.free = nn.Linear(4 * 36, 5)
        self.last = nn.Linear(5, 3)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first_norm(self.fed(images)).relu()
        hidden = self.second_norm(self.summed(hidden) + hidden)
        return self.last(self.free(hidden.flatten(1)).relu())


class Branching(nn.Sequential):
    """A network whose path depends on its images: no tracer can follow it."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images if images.sum() > 0 else -images)


class Shared(nn.Module):
    """One layer used twice: its output is normalised the one time and not the other."""

    def __init__(self, *, norm_first: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.norm_first = norm_first

    def forward(self, features: Tensor) -> Tensor:
        if self.norm_first:
            return self.layer(self.norm(self.layer(features)))
        return self.layer(features) + self.norm(self.layer(features))


def test_a_layer_is_fed_between_or_free_by_what_uses_its_output():
    assert batch_norm_feeding(Mixed()) == {
        "fed": "yes",
        "summed": "no",
        "free": "no",
        "last": "no",
    }


def test_a_layer_with_a_second_user_does_not_count_as_fed():
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(2, 2), nn.BatchNorm1d(2)

        def forward(self, features: Tensor) -> Tensor:
            hidden = self.layer(features)
            return hidden + self.norm(hidden)

    assert batch_norm_feeding(Skip()) == {"layer": "no"}


class Between(nn.Module):
    """A layer, then ``between``, then a normalisation of what comes out of it."""

    def __init__(self, between, *, bias=False, norm=None) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 4, 1, bias=bias)
        self.between = between
        self.norm = norm or nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.between(self.layer(images)))


class Concatenate(nn.Module):
    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images, images.relu()], dim=self.dim)


class Beside(nn.Module):
    """The layer's channels beside four that it does not scale, and what comes behind both."""

    def __init__(self, behind: nn.Module | None = None) -> None:
        super().__init__()
        self.behind = behind or nn.Identity()
        torch.manual_seed(1)
        self.other = nn.Parameter(torch.randn(3, 4, 4, 4), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.behind(torch.cat([images, self.other], 1))


class MeanOverChannels(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean(1, keepdim=True)


class Reshape(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, images: Tensor) -> Tensor:
        return images.reshape(-1, self.channels, 4, 4)


def is_invariant(model: nn.Module) -> bool:
    """Return whether ten times the layer's weights give the same answer, in double precision."""
    model.double()
    model.norm.eps = 1e-30
    images = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(4)).double()
    with torch.no_grad():
        before = model(images)
        model.layer.weight.mul_(10)
        return bool(torch.allclose(model(images), before, rtol=1e-6, atol=1e-6))


BETWEEN = {
    "nothing": (nn.Identity(), "yes", "yes"),
    "rectifier": (nn.ReLU(), "yes", "no"),
    "leaky rectifier": (nn.LeakyReLU(0.1), "yes", "no"),
    "max pooling": (nn.MaxPool2d(2), "yes", "yes"),
    "mean pooling": (nn.AdaptiveAvgPool2d(2), "yes", "yes"),
    "flattening": (nn.Flatten(), "yes", "unknown"),
    "rectifier and pooling": (nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), "yes", "no"),
    "concatenation": (Concatenate(), "yes", "no"),
    "concatenation of rows": (Concatenate(2), "unknown", "no"),
    "sigmoid": (nn.Sigmoid(), "no", "no"),
    "another image's channels": (Beside(), "yes", "yes"),
    "a layer over both": (Beside(nn.Conv2d(8, 4, 1, bias=False)), "unknown", "unknown"),
    "a mean over both": (Beside(MeanOverChannels()), "unknown", "unknown"),
    "reshaping": (Reshape(1), "yes", "unknown"),
    "flattening and reshaping": (nn.Sequential(nn.Flatten(), Reshape(1)), "yes", "unknown"),
    "another layer": (nn.Conv2d(4, 4, 1, bias=False), "yes", "unknown"),
    "rectifier, layer": (nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 1, bias=False)), "yes", "no"),
    "layer with bias": (nn.Conv2d(4, 4, 1), "unknown", "unknown"),
    "biased layer, rectifier": (nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), "no", "no"),
}


def norm_behind(name: str) -> nn.Module | None:
    """Return the normalisation that fits what lies between, None where it is the usual one."""
    norms = {
        "flattening": nn.BatchNorm1d(64), "concatenation": nn.BatchNorm2d(8),
        "another image's channels": nn.BatchNorm2d(8), "a mean over both": nn.BatchNorm2d(1),
        "reshaping": nn.BatchNorm2d(1), "flattening and reshaping": nn.BatchNorm2d(1),
    }  # fmt: skip
    return norms.get(name)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", BETWEEN)
def test_what_lies_between_decides_and_multiplying_the_weights_confirms_it(name, bias):
    torch.manual_seed(0)
    between, *answers = BETWEEN[name]
    model = Between(between, bias=bias, norm=norm_behind(name))

    assert batch_norm_feeding(model)["layer"] == answers[bias]
    if answers[bias] != "unknown":
        assert is_invariant(model) == (answers[bias] == "yes")


@pytest.mark.parametrize("name", BETWEEN)
def test_by_channel_a_yes_means_that_each_channel_may_be_multiplied_by_its_own(name):
    torch.manual_seed(0)
    model = Between(BETWEEN[name][0], norm=norm_behind(name)).double()
    model.norm.eps = 1e-30
    images = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(4)).double()

    if batch_norm_feeding(model, by_channel=True)["layer"] == "yes":
        with torch.no_grad():
            before = model(images)
            model.layer.weight.mul_(torch.tensor([1.0, 10.0, 2.0, 5.0])[:, None, None, None])
            assert torch.allclose(model(images), before, rtol=1e-6, atol=1e-6)
    else:
        assert name not in ("nothing", "rectifier", "max pooling", "mean pooling")


def test_a_layer_before_the_normalisation_is_a_yes_by_layer_and_unknown_by_channel():
    model = Between(nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 1, bias=False)))

    assert batch_norm_feeding(model)["layer"] == "yes"
    assert batch_norm_feeding(model, by_channel=True)["layer"] == "unknown"
    quantize_(model, "ttq", granularity="channel", keep_first=False)
    assert quantizer_of(model.layer).feeds_batch_norm == "unknown"


class Functional(nn.Module):
    def __init__(self, **options) -> None:
        super().__init__()
        self.layer, self.options = nn.Linear(4, 4, bias=False), options

    def forward(self, features: Tensor) -> Tensor:
        mean, variance = torch.zeros(4), torch.ones(4)
        if self.options.get("twice"):
            hidden = self.layer(features)
            return F.batch_norm(hidden, None, None, hidden.mean(0), hidden.mean(0), True)
        if self.options.get("as_weight"):
            return F.batch_norm(features, mean, variance, self.layer(features).mean(0), None, True)
        return F.batch_norm(self.layer(features), mean, variance, **self.options)


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"training": True}, "yes"),
        ({}, "unknown"),
        ({"as_weight": True}, "unknown"),
        ({"twice": True}, "unknown"),
    ],
)
def test_a_functional_normalisation_counts_in_training_and_for_its_input_alone(options, answer):
    assert batch_norm_feeding(Functional(**options)) == {"layer": answer}


def test_a_frozen_normalisation_does_not_undo_anything():
    model = Between(nn.Identity())
    model.norm.eval()

    assert batch_norm_feeding(model) == {"layer": "unknown"}
    assert batch_norm_feeding(model.train()) == {"layer": "yes"}


def test_weights_that_are_used_a_second_time_are_unknown():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Conv2d(2, 2, 1, bias=False), nn.BatchNorm2d(2)

        def forward(self, images: Tensor) -> Tensor:
            return self.norm(self.layer(images)) + F.conv2d(images, self.layer.weight)

    assert batch_norm_feeding(Twice()) == {"layer": "unknown"}


@pytest.mark.slow
def test_a_very_deep_network_without_normalisation_ends_in_an_answer():
    layers = [module for _ in range(500) for module in (nn.Conv2d(1, 1, 1, bias=False), nn.ReLU())]

    assert set(batch_norm_feeding(nn.Sequential(*layers)).values()) <= {"no", "unknown"}


def test_forks_that_join_again_are_followed_once():
    class Fork(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.cat([images.relu(), F.relu(images)], 1)

    model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), *(Fork() for _ in range(40)))

    assert batch_norm_feeding(model) == {"0": "no"}


@pytest.mark.parametrize("bias", [False, True])
def test_a_dense_layer_with_a_bias_is_unknown_for_its_channels_may_lie_anywhere(bias):
    model = nn.Sequential(nn.Linear(5, 6, bias=bias), nn.BatchNorm1d(6))

    assert batch_norm_feeding(model) == {"0": "unknown" if bias else "yes"}
    assert batch_norm_feeding(model, by_channel=True) == {"0": "unknown"}


def test_a_bias_is_not_undone_by_a_normalisation_over_another_dimension():
    class Tokens(nn.Module):
        def __init__(self, *, bias: bool) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(4, 6, bias=bias), nn.BatchNorm1d(5)

        def forward(self, tokens: Tensor) -> Tensor:
            return self.norm(self.layer(tokens))

    assert batch_norm_feeding(Tokens(bias=True)) == {"layer": "unknown"}
    assert batch_norm_feeding(Tokens(bias=False)) == {"layer": "yes"}
    assert batch_norm_feeding(Tokens(bias=False), by_channel=True) == {"layer": "unknown"}


def test_an_operation_that_nobody_listed_is_unknown():
    class Unusual(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.cumsum(images, 1)

    assert batch_norm_feeding(Between(Unusual())) == {"layer": "unknown"}


def test_a_layer_whose_output_nobody_uses_feeds_nothing():
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, features: Tensor) -> Tensor:
            self.layer(features)
            return features

    assert batch_norm_feeding(Unused()) == {"layer": "no"}


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_shared_layer_that_is_fed_in_one_use_only_is_unknown(norm_first):
    assert batch_norm_feeding(Shared(norm_first=norm_first)) == {"layer": "unknown"}


def test_a_network_that_cannot_be_traced_is_unknown_in_every_layer():
    model = Branching(nn.Linear(2, 2), nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))

    assert batch_norm_feeding(model) == {}
    assert quantizer_of(quantize_(model, "ttq")[1]).feeds_batch_norm == "unknown"


def test_all_convolutions_of_a_residual_network_are_fed_and_its_last_layer_is_not():
    answers = batch_norm_feeding(build_model("resnet20", classes=10, seed=0))

    assert answers.pop("linear") == "no"
    assert len(answers) == 19
    assert set(answers.values()) == {"yes"}


def test_no_layer_of_a_network_without_normalisation_is_fed():
    answers = batch_norm_feeding(build_model("lenet5", classes=10, seed=0))

    assert answers == dict.fromkeys(["conv1", "conv2", "fc1", "fc2", "linear"], "no")


def test_the_answer_is_kept_with_the_layer():
    model = quantize_(Mixed(), "ttq", keep_first=False)

    answers = {
        name: quantizer_of(layer).feeds_batch_norm for name, layer in quantized_layers(model)
    }

    assert answers == {"fed": "yes", "summed": "no", "free": "no"}


def _gauge(model: nn.Module, images: Tensor) -> dict[str, tuple[str, float]]:
    """Return per layer whether it is fed, and |W_p g_p + W_n g_n| over its larger term."""
    model.double()
    generator = torch.Generator().manual_seed(5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-30  # it alone breaks the invariance, and torch refuses zero
    for _, layer in quantized_layers(model):
        for scale in quantizer_of(layer).parameters():
            nn.init.uniform_(scale, 0.5, 2.0, generator=generator)
    labels = torch.arange(len(images)) % 3
    nn.functional.cross_entropy(model(images.double()), labels).backward()
    found = {}
    for name, layer in quantized_layers(model):
        owner = quantizer_of(layer)
        terms = [scale.item() * scale.grad.item() for scale in owner.parameters()]
        found[name] = owner.feeds_batch_norm, abs(sum(terms)) / max(map(abs, terms))
    return found


def test_scale_gradients_cancel_exactly_where_a_layer_feeds_batch_normalisation():
    torch.manual_seed(1)
    found = _gauge(quantize_(Mixed(), "ttq", keep_first=False), torch.randn(6, 1, 6, 6))

    assert found["fed"][1] < 1e-10


@pytest.mark.parametrize("name", ["summed", "free"])
def test_scale_gradients_do_not_cancel_elsewhere(name):
    torch.manual_seed(1)
    found = _gauge(quantize_(Mixed(), "ttq", keep_first=False), torch.randn(6, 1, 6, 6))

    assert found[name][1] > 1e-3


def test_every_layer_of_a_residual_network_that_is_called_fed_obeys_the_cancellation():
    model = quantize_(build_model("resnet20", classes=3, seed=1), "ttq")
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(2))

    found = _gauge(model, images)

    assert len(found) == 18
    for answer, residue in found.values():
        assert answer == "yes"
        assert residue < 1e-7
