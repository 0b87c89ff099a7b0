"""Reading a model's graph leaves nothing behind: not in it, not on any stream of random numbers."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn

from ttq_bench.batch_norm import batch_norm_feeding
from ttq_bench.ternary.conversion import quantize_, quantized_layers
from ttq_bench.traced import traced


class Keeping(nn.Sequential):
    """Keeps what it sees in all the ways that a forward pass can."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.last, self.calls, self.log, self.by_name = None, 0, [], {}
        self.register_buffer("count", torch.zeros(()))
        self.result = nn.Parameter(torch.ones(2)) * 2  # a tensor that torch does not copy

    def forward(self, numbers):
        self.calls += 1
        self.count.add_(1)
        numbers = super().forward(numbers)
        self.last = numbers
        self.log.append(numbers)
        self.by_name["last"] = numbers
        return numbers


class Drawing(nn.Sequential):
    """Draws from every stream."""

    def forward(self, numbers):
        noise = torch.randn(3).sum() + random.random() + np.random.rand()
        return super().forward(numbers + noise)


class Jumping(nn.Sequential):
    """Leaves layers out at random, as stochastic depth does."""

    def forward(self, numbers):
        for layer in self:
            numbers = numbers if torch.rand(()) < 0.5 else layer(numbers)
        return numbers


def layers():
    torch.manual_seed(0)
    first, second = (nn.Linear(4, 4, bias=False) for _ in range(2))
    return first, second, nn.BatchNorm1d(4), nn.Linear(4, 2)


def of(kind):
    return kind(*layers())


@pytest.mark.parametrize("method", ["ttq", "full_precision"])
def test_a_model_that_keeps_what_it_sees_has_seen_nothing(method):
    model = of(Keeping)
    quantize_(model, method)

    assert (model.last, model.calls, model.log, model.by_name) == (None, 0, [], {})
    assert model.count.item() == 0
    assert batch_norm_feeding(model)


def test_what_the_model_kept_before_is_still_there():
    model = of(Keeping)
    model(torch.ones(3, 4))
    before = model.last

    quantize_(model, "ttq")

    assert model.last is before
    assert model.log == [before]
    assert (model.calls, model.count.item()) == (1, 1)


@pytest.mark.parametrize("kind", [Drawing, Jumping])
def test_no_stream_of_random_numbers_moves(kind):
    def draws():
        return torch.rand(2).tolist(), random.random(), np.random.rand()

    found = []
    for act in (lambda model: None, lambda model: quantize_(model, "ttq")):
        model = of(kind)
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)
        act(model)
        found.append(draws())

    assert found[0] == found[1]


def test_a_model_with_random_ways_is_converted_in_one_way():
    found = set()
    for seed in range(8):
        model = of(Jumping)
        torch.manual_seed(seed)
        quantize_(model, "ttq", keep_first=False)
        found.add(tuple(name for name, _ in quantized_layers(model)))

    assert len(found) == 1


def test_hooks_see_nothing_and_make_the_answer_unknown():
    model, seen = of(nn.Sequential), []
    assert batch_norm_feeding(model)["1"] == "yes"
    for module in model.modules():
        module.register_forward_hook(lambda *values: seen.append(values))

    assert batch_norm_feeding(model)["1"] == "unknown"
    assert seen == []
    assert all(module._forward_hooks for module in model.modules())


def test_the_parameters_are_not_copied():
    model = of(nn.Sequential)

    assert traced(model).model[1].weight is model[1].weight


def test_a_model_that_cannot_be_copied_is_not_traced():
    class Fixed(nn.Sequential):
        def __deepcopy__(self, memo):
            raise RuntimeError("no copies")

    model = of(Fixed)

    assert traced(model) is None
    assert [name for name, _ in quantized_layers(quantize_(model, "ttq"))] == ["1"]


def test_a_copy_has_the_answers_of_its_model():
    model = of(Keeping)

    assert batch_norm_feeding(copy.deepcopy(of(nn.Sequential))) == batch_norm_feeding(model)


class Waits(nn.Linear):
    def forward(self, inputs):
        while type(inputs) is not torch.Tensor:
            inputs = super().forward(inputs)
        return inputs


class Ends(nn.Linear):
    def forward(self, inputs):
        raise SystemExit(3)


@pytest.mark.parametrize("kind", [Waits, Ends])
def test_a_forward_that_waits_for_values_or_ends_the_process_has_no_graph(kind, monkeypatch):
    monkeypatch.setattr("ttq_bench.traced.MOST_NODES", 200)

    assert traced(kind(4, 4)) is None
