"""What a network's first training step shows of mistakes around it, told once."""

import copy
import pickle
import warnings

import pytest
import torch
from torch import nn

from ttq_bench.errors import QuantizationWarning
from ttq_bench.ternary.conversion import latent_of, quantize_, set_epoch_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.strategies import DeltaStrategy

MOVING = DeltaStrategy("constant_sparsity", 0.5, start=0.0, ramp_epochs=2.0)
HELD = DeltaStrategy("max_fraction", 0.1, update="epoch")
INPUTS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


def network():
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(4, 4) for _ in range(4)))


def train(model, optimizer, steps=4, zero=lambda o, m: o.zero_grad()):
    """Train some steps; return what was warned of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(steps):
            zero(optimizer, model)
            model(INPUTS).square().mean().backward()
            optimizer.step()
    return [str(w.message) for w in told if w.category is QuantizationWarning]


def sgd(model, **options):
    return torch.optim.SGD(model.parameters(), lr=0.01, **options)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("make", [sgd, torch.optim.Adam, lambda p: sgd(p, fused=True)])
@pytest.mark.parametrize("zero", [lambda o, m: o.zero_grad(), lambda o, m: m.zero_grad()])
@pytest.mark.parametrize("method", ["ttq", "ttq-tied"])
def test_an_optimizer_made_before_is_told_of_once(fused, make, zero, method):
    model = network()
    before = sgd(model) if make is sgd else None
    before = before or make(model if make is not torch.optim.Adam else model.parameters())
    quantize_(model, method)
    model = fuse_(model) if fused else model

    (told,) = train(model, before, zero=zero)

    assert "make the optimizer after quantize_" in told


@pytest.mark.parametrize("method", ["ttq", "ttq-tied", "twn", "bwn"])
def test_an_optimizer_made_afterwards_is_not(method):
    model = quantize_(network(), method)

    assert train(model, sgd(model)) == []


def test_scales_that_are_not_to_be_trained_are_not():
    model = network()
    optimizer = sgd(model)
    quantize_(model, "ttq")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("scale" not in name)

    assert train(model, optimizer) == []


def test_accumulated_gradients_and_looks_in_between_are_no_step():
    model = quantize_(network(), "ttq")
    optimizer = sgd(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            model(INPUTS).sum().backward()
            with torch.no_grad():
                model.eval()(INPUTS)
            model.train()
        optimizer.step()
        model(INPUTS)


@pytest.mark.parametrize("strategy", [MOVING, HELD])
def test_a_strategy_that_moves_without_being_told_the_epoch_is_told_of_once(strategy):
    model = quantize_(network(), "ttq", strategy)

    (told,) = train(model, sgd(model))

    assert "set_epoch_" in told


@pytest.mark.parametrize("strategy", [MOVING, HELD, DeltaStrategy("max_fraction", 0.1)])
def test_a_strategy_that_is_told_the_epoch_or_does_not_move_is_not(strategy):
    model = quantize_(network(), "ttq", strategy)
    if strategy.moves:
        set_epoch_(model, 0, begins=True)

    assert train(model, sgd(model)) == []


def test_a_loaded_network_with_a_strategy_that_moves_asks_for_the_epoch():
    model, other = quantize_(network(), "ttq", MOVING), quantize_(network(), "ttq", MOVING)
    other.load_state_dict(model.state_dict())

    with pytest.warns(QuantizationWarning, match="after loading a trained network"):
        other.eval()(INPUTS)
    set_epoch_(copy.deepcopy(other), 2)


def test_nothing_is_looked_at_after_the_first_steps():
    model = quantize_(network(), "ttq")
    train(model, sgd(model))

    assert [m.watch for m in model.modules() if hasattr(m, "watch")] == [None, None]


def test_a_weight_that_is_no_number_is_no_step():
    model = quantize_(
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), "ttq",
        DeltaStrategy("max_fraction", 0.05), keep_first=False, keep_last=False,
    )  # fmt: skip
    with torch.no_grad():
        latent_of(model[0])[0, 0] = float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            model(torch.ones(2, 4))


@pytest.mark.parametrize(
    "write",
    [
        lambda m: m.load_state_dict(quantize_(network(), "ttq").state_dict() | {
            "1.parametrizations.weight.original": torch.ones(4, 4)
        }),
        lambda m: m[1].reset_parameters(),
        lambda m: nn.init.normal_(m[1].weight),
    ],
)  # fmt: skip
def test_what_moves_latent_weights_without_a_backward_pass_is_no_step(write):
    model = quantize_(network(), "ttq")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            model(INPUTS)
            write(model)
        model(INPUTS)
    model.zero_grad()
    before = sgd(network())
    before.param_groups[0]["params"] = [p for n, p in model.named_parameters() if "scale" not in n]

    (told,) = train(model, before)  # and a step is told of all the same

    assert "make the optimizer after quantize_" in told


def test_scales_of_half_precision_may_stay_where_they_are():
    model = quantize_(network().bfloat16(), "ttq").bfloat16()
    optimizer = sgd(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            model(INPUTS.bfloat16()).square().mean().backward()
            optimizer.step()


def test_a_network_that_is_cast_or_frozen_after_a_call_is_looked_at_anew():
    model = quantize_(network(), "ttq")
    model(INPUTS).sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.bfloat16()(INPUTS.bfloat16())
        model.float()(INPUTS).sum().backward()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("scale" not in name)
        model(INPUTS)


def test_weights_can_be_pickled_while_a_step_is_waited_for():
    model = quantize_(network(), "ttq")
    model(INPUTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.dumps(model[1].weight)


def test_what_writes_weights_after_a_backward_pass_is_no_step_either():
    model = quantize_(network(), "ttq")
    state = quantize_(network(), "ttq").state_dict()
    state["1.parametrizations.weight.original"] = torch.ones(4, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for write in (model[1].reset_parameters, lambda: model.load_state_dict(state)):
            for _ in range(2):
                model(INPUTS).sum().backward()
                write()
        model(INPUTS)
