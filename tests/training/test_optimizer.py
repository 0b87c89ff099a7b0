import pytest
import torch
from torch import nn

from ttq_bench.training.optimizer import make_optimizer, set_learning_rate
from ttq_bench.training.recipe import Recipe


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([2.0]))
        self.positive_scale = nn.Parameter(torch.tensor(2.0))


def is_scale(name: str) -> bool:
    return name.endswith("_scale")


def steps(model: nn.Module, gradient: float, count: int = 1, **fields) -> list[float]:
    """Return weight and scale after ``count`` steps with one gradient."""
    optimizer = make_optimizer(model, Recipe(epochs=1, learning_rate=0.5, **fields), is_scale)
    for _ in range(count):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
    return [parameter.item() for parameter in model.parameters()]


def test_scales_are_spared_from_weight_decay():
    assert steps(Pair(), 0.0, weight_decay=0.1) == pytest.approx([2 - 0.5 * 0.1 * 2, 2.0])


def test_scales_decay_when_the_recipe_says_so():
    after = steps(Pair(), 0.0, weight_decay=0.1, decay_scales=True)

    assert after == pytest.approx([1.9, 1.9])


@pytest.mark.parametrize(("nesterov", "moved"), [(False, 1 + 1.9), (True, 1.9 + 2.71)])
def test_two_steps_with_momentum_go_as_far_as_worked_by_hand(nesterov, moved):
    after = steps(Pair(), 1.0, 2, momentum=0.9, nesterov=nesterov, weight_decay=0.0)

    assert after == pytest.approx([2 - 0.5 * moved] * 2)


@pytest.mark.parametrize("decay_scales", [True, False])
def test_every_parameter_is_in_one_group_only(decay_scales):
    model = Pair()
    optimizer = make_optimizer(model, Recipe(epochs=1, decay_scales=decay_scales), is_scale)

    held = [id(p) for group in optimizer.param_groups for p in group["params"]]

    assert sorted(held) == sorted(id(p) for p in model.parameters())


def test_a_network_without_scales_is_one_group():
    optimizer = make_optimizer(nn.Linear(2, 2), Recipe(epochs=1), is_scale)

    assert len(optimizer.param_groups) == 1


def test_the_learning_rate_is_set_for_weights_and_scales():
    optimizer = make_optimizer(Pair(), Recipe(epochs=1), is_scale)

    set_learning_rate(optimizer, 0.25)

    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]


def test_biases_and_normalisation_are_spared_where_decay_is_on_weights():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    model.register_parameter("positive_scale", nn.Parameter(torch.ones(())))
    recipe = Recipe(epochs=1, weight_decay=0.1, decay_on="weights", decay_scales=True)

    groups = make_optimizer(model, recipe, is_scale).param_groups

    decayed = {id(p) for g in groups if g["weight_decay"] == 0.1 for p in g["params"]}
    spared = {id(p) for g in groups if g["weight_decay"] == 0.0 for p in g["params"]}
    assert decayed == {id(model[0].weight), id(model.positive_scale)}
    assert spared == {id(model[0].bias), id(model[1].weight), id(model[1].bias)}


def test_scales_of_channels_count_as_scales_and_not_as_biases():
    model = nn.Module()
    model.register_parameter("positive_scale", nn.Parameter(torch.ones(3, 1)))
    recipe = Recipe(epochs=1, weight_decay=0.1, decay_on="weights")

    assert [g["weight_decay"] for g in make_optimizer(model, recipe, is_scale).param_groups] == [
        0.1, 0.0,
    ]  # fmt: skip


def test_a_first_step_of_adam_is_as_long_as_the_rate_whatever_the_gradient():
    for gradient in (0.01, 100.0):
        after = steps(Pair(), gradient, optimizer="adam", weight_decay=0.0)
        assert after == pytest.approx([1.5, 1.5], rel=1e-4)


@pytest.mark.parametrize(("optimizer", "weight"), [("adamw", 2 - 0.5 * 0.1 * 2), ("adam", 1.5)])
def test_decay_of_adamw_is_apart_from_the_gradient(optimizer, weight):
    after = steps(Pair(), 0.0, optimizer=optimizer, weight_decay=0.1)

    assert after == pytest.approx([weight, 2.0])  # Adam takes the decay for a gradient


def test_decay_on_dense_layers_spares_convolutions_and_biases():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(2, 2))
    recipe = Recipe(epochs=1, weight_decay=0.1, decay_on="dense")

    groups = make_optimizer(model, recipe, is_scale).param_groups

    assert [p for g in groups if g["weight_decay"] for p in g["params"]] == [model[2].weight]


def test_a_large_epsilon_shortens_the_steps_of_adam():
    # A first step is rate * gradient / (gradient + epsilon).
    changes = {"optimizer": "adam", "weight_decay": 0.0, "adam_epsilon": 1.0}
    after = steps(Pair(), 1.0, **changes)
    assert after == pytest.approx([1.75, 1.75])
