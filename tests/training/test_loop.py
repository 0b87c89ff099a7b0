import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ttq_bench.seeding import stream_seed
from ttq_bench.training.evaluation import evaluate
from ttq_bench.training.loop import DivergedError, StoppedError, start, train
from ttq_bench.training.recipe import Recipe


def ignore(step: int, steps: int) -> None:
    pass


def recipe(**fields) -> Recipe:
    return Recipe(**{"epochs": 1, "batch_size": 8, "learning_rate": 0.05, **fields})


def test_one_result_an_epoch_with_its_number_and_its_last_learning_rate(fresh, batches):
    plan = recipe(epochs=3, decay_epochs=(2,))

    results = list(train(fresh(plan), batches, plan, ignore))

    assert [result.epoch for result in results] == [1, 2, 3]
    assert [result.learning_rate for result in results] == pytest.approx([0.05, 0.05, 0.005])
    assert all(result.seconds > 0 for result in results)


def test_nothing_is_trained_beyond_the_last_epoch(fresh, batches):
    plan = recipe()
    state = fresh(plan)
    list(train(state, batches, plan, ignore))

    assert list(train(state, batches, plan, ignore)) == []
    assert state.epoch == 1


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_an_epoch_equals_the_same_steps_written_out(fresh, batches, smoothing):
    plan = recipe(precision="fp32", label_smoothing=smoothing, weight_decay=0.01, momentum=0.0)
    state, twin = fresh(plan), fresh(plan).model
    (result,) = train(state, batches, plan, ignore)

    torch.manual_seed(stream_seed(batches.seed, "layers", 0))
    losses = []
    for images, labels in batches.epoch(0):
        logs = F.log_softmax(twin(images), dim=1)
        truth = F.one_hot(labels, 3) * (1 - smoothing) + smoothing / 3
        losses.append(-(truth * logs).sum(dim=1).mean())
        for parameter, gradient in zip(
            twin.parameters(), torch.autograd.grad(losses[-1], list(twin.parameters())), strict=True
        ):
            parameter.data -= 0.05 * (gradient + 0.01 * parameter.data)

    assert result.train_loss == pytest.approx(torch.stack(losses).mean().item(), rel=1e-5)
    for key, value in twin.state_dict().items():
        torch.testing.assert_close(state.model.state_dict()[key], value)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_result_holds_what_evaluation_says_of_its_images(fresh, batches, split):
    plan = recipe()
    state = fresh(plan)

    (result,) = train(state, batches, plan, ignore)

    assert getattr(result, split) == evaluate(state.model, batches.held_out(split, 1000), "bf16")


def test_each_step_is_announced_before_it_is_made(fresh, batches):
    plan, seen = recipe(epochs=2), []

    list(train(fresh(plan), batches, plan, lambda step, steps: seen.append((step, steps))))

    assert [pair for pair in seen if pair[0] < 3] == [(0, 3), (1, 3), (2, 3)] * 2
    evaluated = len(list(batches.held_out("validation", 1000))) + len(
        list(batches.held_out("test", 1000))
    )
    assert seen.count((3, 3)) == 2 * evaluated  # a stop is seen there too


def test_each_epoch_draws_its_own_images(fresh, batches, monkeypatch):
    plan, asked, draw = recipe(epochs=3), [], batches.draws
    monkeypatch.setattr(batches, "draws", lambda epoch, first: asked.append(epoch) or draw(epoch))

    list(train(fresh(plan), batches, plan, ignore))

    assert asked == [0, 1, 2]


def test_a_stop_comes_through_and_the_epoch_does_not_count(fresh, batches):
    def stop(step: int, steps: int) -> None:
        if step == 1:
            raise StoppedError

    plan = recipe()
    state = fresh(plan)

    with pytest.raises(StoppedError):
        next(train(state, batches, plan, stop))
    assert state.epoch == 0


def test_an_absurd_learning_rate_ends_as_divergence_not_as_a_result(fresh, batches):
    plan = recipe(learning_rate=1e30)

    with pytest.raises(DivergedError, match=r"mean training loss (nan|inf)") as caught:
        list(train(fresh(plan), batches, plan, ignore))
    assert caught.value.epoch == 1


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_images_that_are_no_numbers_end_as_divergence(fresh, batches, value):
    batches.normalise.mean.fill_(value)
    plan = recipe()

    with pytest.raises(DivergedError) as caught:
        list(train(fresh(plan), batches, plan, ignore))
    assert caught.value.epoch == 1


def test_training_does_not_depend_on_what_was_drawn_before(fresh, batches):
    plan = recipe()
    losses = []
    for noise in (1, 2):
        state = fresh(plan)
        torch.manual_seed(noise)
        losses.append([result.train_loss for result in train(state, batches, plan, ignore)])

    assert losses[0] == losses[1]


def test_a_network_learns_what_can_be_learnt(batches):
    brightness = batches.labels.view(-1, 1, 1, 1) * 100
    batches.augment, batches.images = None, brightness.byte().repeat(1, 8, 8, 3)
    plan = recipe(epochs=40, learning_rate=0.5)
    torch.manual_seed(0)
    model = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(3, 3))
    state = start(model, plan, lambda name: False)

    losses = [result.train_loss for result in train(state, batches, plan, ignore)]

    assert losses[-1] < 0.3 < losses[0]
