"""A step as operations and as a CUDA graph: the same numbers, and what a graph must not hold on to.

What needs a GPU is skipped without one.
"""

import copy
import itertools
import warnings

import pytest
import torch

from tests.training.conftest import small_network
from ttq_bench.data.batches import TrialBatches
from ttq_bench.models.build import build_model
from ttq_bench.speed.epochs import random_images
from ttq_bench.ternary.conversion import quantize_, quantized_layers, quantizer_of, set_epoch_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.training.loop import start
from ttq_bench.training.optimizer import (
    hold_learning_rate_on_device,
    make_optimizer,
    set_learning_rate,
)
from ttq_bench.training.recipe import Recipe
from ttq_bench.training.steps import WARMUP_STEPS, EagerStep, GraphedStep, own_stream, train_step
from ttq_bench.trial.observation import Observation

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
CUDA = torch.device("cuda")
STEPS = 8
STRATEGIES = {
    "max_fraction": DeltaStrategy("max_fraction", 0.05),
    "constant_sparsity": DeltaStrategy("constant_sparsity", 0.5),
    "mean_fraction": DeltaStrategy("mean_fraction", 0.7),
    "held": DeltaStrategy("constant_sparsity", 0.5, update="epoch"),
}


def images_on(device, batch_size=64):
    return TrialBatches(
        random_images("resnet20"), seed=0, batch_size=batch_size, validation_count=1000,
        augmentation="crop_flip", device=device,
    )  # fmt: skip


def network(strategy, method="ttq"):
    model = build_model("resnet20", classes=10, seed=0)
    return fuse_(quantize_(model, method, strategy)).to(CUDA, memory_format=torch.channels_last)


def nothing(*_):
    """Observe nothing."""


@pytest.fixture(autouse=True)
def deterministic(monkeypatch):
    """Let a graph and its operations round alike: one that rounds otherwise flips a code."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


def trained(model, recipe, *, graphed, observe=nothing, move=nothing):
    """Return the losses of some steps at falling rates, the step, and the weights."""
    batches = images_on(CUDA)
    optimizer = make_optimizer(model, recipe, lambda name: name.endswith("scale"))
    quantizers = [quantizer_of(layer) for _, layer in quantized_layers(model)]
    with own_stream(CUDA):
        step = EagerStep(model, optimizer, recipe, batches.batch, observe)
        if graphed:
            step = GraphedStep(step, lambda: tuple(q.number for q in quantizers))
        losses = []
        for number, draw in enumerate(itertools.islice(batches.draws(0), STEPS)):
            move(model, number)
            losses.append(step(draw, 1e-4 / (1 + number), number))
        torch.cuda.synchronize()
    return torch.stack(losses).tolist(), step, copy.deepcopy(model.state_dict())


def assert_same(found, wanted):
    assert found[0] == pytest.approx(wanted[0], rel=1e-3)
    for name, value in wanted[2].items():
        torch.testing.assert_close(found[2][name], value, rtol=1e-3, atol=1e-3)


@GPU
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_a_graph_trains_what_its_operations_train(strategy, optimizer):
    recipe = Recipe(epochs=1, precision="fp32", optimizer=optimizer)
    eager = trained(network(STRATEGIES[strategy]), recipe, graphed=False)
    graph = trained(network(STRATEGIES[strategy]), recipe, graphed=True)

    assert graph[1].graph is not None
    assert_same(graph, eager)


@GPU
def test_a_moving_threshold_is_followed_and_recorded_when_it_rests():
    strategy = DeltaStrategy("max_fraction", 0.2, start=0.0, ramp_epochs=1.0)
    recipe = Recipe(epochs=1, precision="fp32")

    def move(model, number):
        set_epoch_(model, number / 3)

    eager = trained(network(strategy), recipe, graphed=False, move=move)
    graph = trained(network(strategy), recipe, graphed=True, move=move)

    assert graph[1].graph is not None
    assert graph[1].warm_steps == WARMUP_STEPS
    assert_same(graph, eager)


@GPU
def test_held_thresholds_move_under_a_recorded_step():
    def renew(model, number):
        set_epoch_(model, 0.0, begins=number == STEPS - 2)

    recipe = Recipe(epochs=1, precision="fp32")
    eager = trained(network(STRATEGIES["held"]), recipe, graphed=False, move=renew)
    graph = trained(network(STRATEGIES["held"]), recipe, graphed=True, move=renew)

    assert graph[1].graph is not None
    assert_same(graph, eager)


@GPU
def test_a_step_that_cannot_be_recorded_is_trained_by_its_operations_with_a_warning():
    def look(seen=[]):  # noqa: B006
        seen.append(float(torch.ones(1, device=CUDA)))  # makes the host wait

    recipe = Recipe(epochs=1, precision="fp32")
    eager = trained(network(STRATEGIES["max_fraction"]), recipe, graphed=False)
    with pytest.warns(UserWarning, match="not recorded as a CUDA graph"):
        refused = trained(network(STRATEGIES["max_fraction"]), recipe, graphed=True, observe=look)

    assert refused[1].graph is None
    assert_same(refused, eager)


@GPU
def test_layers_that_draw_at_random_draw_anew_in_every_replay():
    recipe = Recipe(epochs=1, precision="fp32")
    model = small_network(0).to(CUDA, memory_format=torch.channels_last)
    batch = torch.randn(16, 3, 8, 8, device=CUDA), torch.zeros(16, dtype=torch.long, device=CUDA)
    optimizer = make_optimizer(model, recipe, lambda _: False)
    with own_stream(CUDA):
        eager = EagerStep(
            model, optimizer, recipe, lambda images, labels: (images, labels), nothing
        )
        step = GraphedStep(eager, tuple)
        losses = [step(batch, 1e-12, 0).item() for _ in range(STEPS)]

    assert step.graph is not None
    assert len(set(losses)) == STEPS


@GPU
def test_bfloat16_is_recorded_without_a_warning():
    recipe = Recipe(epochs=1, precision="bf16")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses, step, _ = trained(network(STRATEGIES["max_fraction"]), recipe, graphed=True)

    assert step.graph is not None
    assert all(loss < 10 for loss in losses)


def test_on_a_cpu_a_step_is_its_operations():
    model, recipe = small_network(0), Recipe(epochs=1)
    step = EagerStep(
        model, make_optimizer(model, recipe, lambda _: False), recipe, nothing, nothing
    )

    assert train_step(step, torch.device("cpu"), tuple) is step


def test_a_learning_rate_on_a_device_is_set_in_place():
    model, recipe = small_network(0), Recipe(epochs=1, optimizer="adam")
    optimizer = make_optimizer(model, recipe, lambda _: False)
    hold_learning_rate_on_device(optimizer)
    held = [group["lr"] for group in optimizer.param_groups]

    set_learning_rate(optimizer, 0.25)

    assert [rate.item() for rate in held] == [0.25] * len(held)
    assert all(group["capturable"] for group in optimizer.param_groups)


@GPU
def test_what_is_observed_in_a_graph_is_what_is_observed_step_by_step():
    def epochs(graphed):
        model, recipe = network(STRATEGIES["max_fraction"]), Recipe(epochs=1, precision="fp32")
        observation = Observation(model)
        trained(model, recipe, graphed=graphed, observe=observation.after_backward)
        return observation.end_epoch()

    for found, wanted in zip(epochs(True), epochs(False), strict=True):
        assert found["scale_path"] == pytest.approx(wanted["scale_path"], rel=0.05)
        assert found["scale_sum"] == pytest.approx(wanted["scale_sum"], rel=1e-3)
        assert 0 <= found["gauge_residue"] < 0.01


def test_a_state_of_a_gpu_is_one_of_the_host_again_when_it_is_loaded():
    recipe = Recipe(epochs=1, optimizer="adam")
    saved = start(small_network(0), recipe, lambda _: False)
    hold_learning_rate_on_device(saved.optimizer)

    state = start(small_network(0), recipe, lambda _: False)
    state.load_state_dict(saved.state_dict())

    for group in state.optimizer.param_groups:
        assert isinstance(group["lr"], float)
        assert group["capturable"] is False
