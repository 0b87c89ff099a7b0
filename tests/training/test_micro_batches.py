"""A step in parts: gradients and statistics by hand, and the same whoever computes the parts."""

import pytest
import torch
import torch.nn.functional as F

from tests.together import together
from tests.training.conftest import small_network, synthetic_images
from tests.training.test_resume import assert_identical
from ttq_bench.data.batches import TrialBatches
from ttq_bench.ranks import ALONE, Ranks
from ttq_bench.ternary.conversion import quantize_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.methods import METHODS
from ttq_bench.training.loop import start, train
from ttq_bench.training.micro_batches import AccumulatedStep
from ttq_bench.training.recipe import Recipe
from ttq_bench.training.steps import EagerStep

RECIPE = Recipe(
    epochs=2, batch_size=8, micro_batches=4, learning_rate=0.05, precision="fp32", nesterov=True
)
RATE = 0.05


def batches_of(ranks=ALONE):
    return TrialBatches(
        synthetic_images(), seed=1, batch_size=8, validation_count=6, augmentation="crop_flip",
        device=torch.device("cpu"), ranks=ranks,
    )  # fmt: skip


def test_gradients_are_the_mean_over_parts_and_running_statistics_take_one_step():
    network, twin, batches = small_network(0), small_network(0), batches_of()
    for model in (network, twin):
        model[7].p = 0.0  # dropout draws for each part anew
    draw = next(batches.draws(0))
    seen = []
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    eager = EagerStep(
        network, optimizer, RECIPE, batches.batch,
        lambda: seen.extend(p.grad.clone() for p in network.parameters()),
    )  # fmt: skip
    step = AccumulatedStep(eager, ranks=ALONE, seed=1)
    loss = step(draw, RATE, 0)

    losses, running = [], []
    before = {name: tensor.clone() for name, tensor in twin.named_buffers()}
    for part in range(4):
        twin.load_state_dict(before, strict=False)
        images, labels = batches.batch(*(tensor[2 * part : 2 * part + 2] for tensor in draw))
        losses.append(F.cross_entropy(twin(images), labels))
        (losses[-1] / 4).backward()
        running.append(twin[1].running_mean.clone())
    torch.testing.assert_close(loss, torch.stack(losses).mean().detach())
    torch.testing.assert_close(seen, [p.grad for p in twin.parameters()])
    torch.testing.assert_close(network[1].running_mean, torch.stack(running).mean(0))
    assert int(network[1].num_batches_tracked) == 1


def trained(rank, count, method):
    """Return the state after two epochs, one epoch's results, and what other ranks must share."""
    torch.set_num_threads(1)
    ranks = Ranks(rank, count)
    model = fuse_(quantize_(small_network(0), method))
    state = start(model, RECIPE, lambda name: name.endswith("_scale"))
    batches, found = batches_of(ranks), []
    for result in train(state, batches, RECIPE, lambda step, steps: None):
        ranks.check_equal(model.state_dict())
        found.append((result.train_loss, result.validation, result.test))
    return state.state_dict(), found


def trained_with_each(rank, count, methods):
    return {method: trained(rank, count, method) for method in methods}


@pytest.fixture(scope="module")
def of_two_ranks(tmp_path_factory):
    return together(tmp_path_factory.mktemp("ranks"), trained_with_each, tuple(METHODS))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_ranks_train_what_one_trains(of_two_ranks, method):
    """All bits are equal between ranks; to one process only the order of sums differs."""
    state, results = trained(0, 1, method)
    first, second = (found[method] for found in of_two_ranks)
    assert_identical(first[0]["model"], second[0]["model"])
    torch.testing.assert_close(first[0]["model"], state["model"], rtol=1e-5, atol=1e-6)
    for (loss, *parts), (wanted, *others), *_ in zip(first[1], results, second[1], strict=True):
        assert loss == pytest.approx(wanted, rel=1e-5)
        for found, expected in zip(parts, others, strict=True):
            assert found.error_percent == expected.error_percent
            assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    assert first[1] == second[1]


def test_each_rank_gets_its_part_of_every_batch():
    whole = [rows for rows, *_ in batches_of().draws(0)]
    halves = [[rows for rows, *_ in batches_of(Ranks(rank, 2)).draws(0)] for rank in (0, 1)]
    for rows, *parts in zip(whole, *halves, strict=True):
        assert torch.equal(rows, torch.cat(parts))
        assert not torch.equal(*parts)
