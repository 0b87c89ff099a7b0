"""What processes that train together say to each other, with real ones."""

import pytest
import torch
from torch import nn

from tests.together import together
from ttq_bench.ranks import ALONE, Ranks, RanksDifferError


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9])
def test_every_row_has_one_owner_and_shares_are_equal_up_to_one(rows):
    whole = torch.arange(rows)
    shares = [Ranks(rank, 4).share(whole) for rank in range(4)]
    assert torch.equal(torch.cat(shares), whole)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_everything_is_as_it_was():
    tensor, state = torch.tensor([1.5]), {"epoch": 1}
    ALONE.average_([tensor])
    ALONE.check_equal({"a": tensor})
    assert (tensor.item(), ALONE.decided(3), ALONE.sums([0.1, 2])) == (1.5, 3, [0.1, 2])
    assert ALONE.state_of_first(state) is state
    assert torch.equal(ALONE.share(torch.arange(5)), torch.arange(5))


def all_of_it(rank, count):
    """Return what a rank gets of each operation."""
    ranks = Ranks(rank, count)
    one, many = torch.tensor(float(rank)), torch.full((2, 3), 10.0 * rank)
    ranks.average_([one, many])
    state = {"epoch": rank, "weights": torch.full((3,), float(rank))}
    given = ranks.state_of_first(state if rank == 0 else {})
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.bias.zero_()
    ranks.check_equal(model.state_dict())
    with torch.no_grad():
        model.bias[0] = 1e-38 * rank  # a difference of one bit pattern counts
    try:
        ranks.check_equal(model.state_dict())
    except RanksDifferError as error:
        told = str(error)
    return {
        "decided": ranks.decided(7 + rank),
        "sums": ranks.sums([1.0, float(rank)]),
        "averages": (one.item(), many.tolist()),
        "given": (given["epoch"], given["weights"].tolist()),
        "told": told,
    }


def test_two_ranks_agree_and_notice_when_they_do_not(tmp_path):
    first, second = together(tmp_path, all_of_it)
    assert first["told"] == "ranks 0 and 1 hold different values of 'bias'"
    assert second["told"] == "ranks 1 and 0 hold different values of 'bias'"
    del first["told"], second["told"]
    assert first == second == {
        "decided": 7,
        "sums": [2.0, 1.0],
        "averages": (0.5, [[5.0] * 3] * 2),
        "given": (0, [0.0] * 3),
    }  # fmt: skip
