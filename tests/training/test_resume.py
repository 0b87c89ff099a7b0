"""A run that is stopped and resumed ends bit for bit like one that was left alone."""

from dataclasses import asdict

import pytest
import torch

from tests.rule_numbers import number_of
from ttq_bench.ternary.conversion import quantized_layers, quantizer_of
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.thresholds import THRESHOLDS
from ttq_bench.training.checkpoints import save_checkpoint, whole_states
from ttq_bench.training.loop import StoppedError, train
from ttq_bench.training.recipe import Recipe

EPOCHS = 4
RECIPES = {
    "step": Recipe(epochs=EPOCHS, batch_size=8, learning_rate=0.05, decay_epochs=(2,)),
    "cosine": Recipe(
        epochs=EPOCHS, batch_size=8, learning_rate=0.05, schedule="cosine", warmup_epochs=1.0,
        nesterov=True, decay_scales=True, label_smoothing=0.1, precision="fp32",
    ),
}  # fmt: skip
PARTS = RECIPES | {"parts": RECIPES["step"].model_copy(update={"micro_batches": 2})}
CONVERSIONS = {"full_precision": {}} | {
    name: {"strategy": DeltaStrategy(name, number_of(name, 0.05))} for name in sorted(THRESHOLDS)
}
# Tables by name, so that a failing test says which.
conversion_names = pytest.mark.parametrize("conversion", CONVERSIONS)
recipe_names = pytest.mark.parametrize("recipe", RECIPES)


def ignore(step: int, steps: int) -> None:
    pass


def run(state, batches, recipe, folder=None, *, epochs=EPOCHS, on_step=ignore):
    """Train up to ``epochs``, saving each in ``folder``; return the results but their seconds."""
    results = []
    for result in train(state, batches, recipe, on_step):
        results.append(asdict(result) | {"seconds": None})
        if folder is not None:
            save_checkpoint(folder, state.epoch, state.state_dict())
        if state.epoch == epochs:
            break
    return results


@pytest.fixture(scope="module")
def whole_runs():
    """Results and last states of runs that were left alone, by conversion and recipe."""
    return {}


@pytest.fixture
def undisturbed(fresh, batches, whole_runs):
    """Return how to get results and last state of a run that is left alone; each is made once."""

    def left_alone(conversion, recipe):
        if (conversion, recipe) not in whole_runs:
            plan = PARTS[recipe]
            state = fresh(plan, **CONVERSIONS[conversion])
            whole_runs[conversion, recipe] = run(state, batches, plan), state.state_dict()
        return whole_runs[conversion, recipe]

    return left_alone


def load_latest_(state, folder):
    state.load_state_dict(next(whole_states([folder])))
    return state


def assert_identical(given, expected):
    """Compare nested states: tensors bit by bit, with their strides; the rest by value."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(given, expected)
        assert given.dtype == expected.dtype
        assert given.stride() == expected.stride()
    elif isinstance(expected, dict):
        assert list(given) == list(expected)
        for key in expected:
            assert_identical(given[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(given) == len(expected)
        for pair in zip(given, expected, strict=True):
            assert_identical(*pair)
    else:
        assert given == expected


@pytest.mark.parametrize("stop", range(1, EPOCHS))
@recipe_names
@conversion_names
def test_resumed_training_equals_uninterrupted_training_bit_for_bit(
    fresh, batches, undisturbed, tmp_path, *, conversion, recipe, stop
):
    plan, how = RECIPES[recipe], CONVERSIONS[conversion]
    expected, final_state = undisturbed(conversion, recipe)
    results = run(fresh(plan, **how), batches, plan, tmp_path, epochs=stop)

    # Other weights: all must come from the checkpoint.
    resumed = load_latest_(fresh(plan, seed=99, **how), tmp_path)
    assert resumed.epoch == stop
    results += run(resumed, batches, plan)

    assert results == expected
    assert_identical(resumed.state_dict(), final_state)


@conversion_names
def test_a_run_killed_within_an_epoch_repeats_that_epoch_exactly(
    fresh, batches, undisturbed, tmp_path, conversion
):
    def kill(step: int, steps: int) -> None:
        if len(list(tmp_path.glob("*.pt"))) == 2 and step == 1:
            raise StoppedError

    plan, how = RECIPES["step"], CONVERSIONS[conversion]
    expected, final_state = undisturbed(conversion, "step")
    with pytest.raises(StoppedError):
        run(fresh(plan, **how), batches, plan, tmp_path, on_step=kill)

    resumed = load_latest_(fresh(plan, **how), tmp_path)

    assert run(resumed, batches, plan) == expected[2:]
    assert_identical(resumed.state_dict(), final_state)


@pytest.mark.slow
@pytest.mark.parametrize("seen", [1, 2, 4, 5, 9])  # of three steps, two of evaluation an epoch
@pytest.mark.parametrize("recipe", PARTS)
def test_a_run_saved_within_an_epoch_goes_on_there_bit_for_bit(
    fresh, batches, undisturbed, tmp_path, *, recipe, seen
):
    plan, how = PARTS[recipe], CONVERSIONS["max_fraction"]
    expected, final_state = undisturbed("max_fraction", recipe)
    cut_off, calls = fresh(plan, **how), iter(range(100))

    def save_and_stop(step: int, steps: int) -> None:
        if next(calls) == seen:
            steps_done = len(cut_off.within.losses)
            save_checkpoint(tmp_path, cut_off.epoch, cut_off.state_dict(), step=steps_done)
            raise StoppedError

    with pytest.raises(StoppedError):
        run(cut_off, batches, plan, on_step=save_and_stop)
    torch.manual_seed(0)  # whatever was drawn since
    asked = []
    resumed = load_latest_(fresh(plan, seed=99, **how), tmp_path)
    assert len(resumed.within.losses) == min(seen % 5, 3)
    results = run(resumed, batches, plan, on_step=lambda step, steps: asked.append(step))

    assert results == expected[seen // 5 :]
    assert asked[0] == min(seen % 5, 3)
    assert_identical(resumed.state_dict(), final_state)


def test_a_run_whose_last_checkpoint_is_damaged_goes_on_from_the_one_before(
    fresh, batches, undisturbed, tmp_path
):
    plan, how = RECIPES["step"], CONVERSIONS["max_fraction"]
    expected, final_state = undisturbed("max_fraction", "step")
    run(fresh(plan, **how), batches, plan, tmp_path, epochs=3)
    (tmp_path / "epoch-000003.pt").write_bytes(b"half")

    resumed = load_latest_(fresh(plan, **how), tmp_path)
    assert resumed.epoch == 2

    assert run(resumed, batches, plan, tmp_path) == expected[2:]
    assert_identical(resumed.state_dict(), final_state)
    assert next(whole_states([tmp_path]))["epoch"] == EPOCHS


@pytest.mark.parametrize("strategy", sorted(THRESHOLDS))
def test_training_moves_both_scales_and_keeps_the_weights_ternary(fresh, batches, strategy):
    plan = RECIPES["step"]
    state = fresh(plan, **CONVERSIONS[strategy])
    run(state, batches, plan)

    for _, layer in quantized_layers(state.model):
        owner = quantizer_of(layer)
        positive, negative = owner.positive_scale.item(), owner.negative_scale.item()
        assert positive != 1.0
        assert negative != 1.0
        assert set(layer.weight.unique().tolist()) == {positive, 0.0, -negative}


def test_the_state_of_a_run_holds_tensors_and_plain_values_only(fresh, batches):
    plan = RECIPES["step"]
    state = fresh(plan, **CONVERSIONS["max_fraction"])
    run(state, batches, plan, epochs=1)

    def kinds(value) -> set[type]:
        if isinstance(value, dict):
            return set().union(*map(kinds, value.values()))
        if isinstance(value, list | tuple):
            return set().union(*map(kinds, value))
        return {type(value)}

    assert kinds(state.state_dict()) <= {torch.Tensor, int, float, bool, str, type(None)}
