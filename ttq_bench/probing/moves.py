"""Other values of rho = ln(W_p / W_n) than the trained and the equal ones: what a probe compares.

If a network is merely tuned to its scales, any change of them costs as much as one of the same size
that makes them equal.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["doubled", "zero or doubled", "permuted", "common"]
DRAWS = 5
SEED = 0  # the same draws for every trial
Move = tuple[Kind, int, list[Tensor]]


def moves(rhos: Sequence[Tensor]) -> Iterator[Move]:
    """Yield kind, number of the draw and new rho of each layer, for all moves of a probe.

    ``rhos`` are the trained ones: one number a layer; or one a channel, and then they are not
    permuted and have no common value.
    """
    generator = torch.Generator().manual_seed(SEED)
    yield "doubled", 0, [2 * rho for rho in rhos]
    for draw in range(DRAWS):
        kept = torch.randint(0, 2, (len(rhos),), generator=generator)
        yield (
            "zero or doubled",
            draw,
            [2 * int(keep) * rho for keep, rho in zip(kept, rhos, strict=True)],
        )
    if any(rho.numel() > 1 for rho in rhos) or len(rhos) == 1:
        return
    for draw in range(DRAWS):
        order = torch.randperm(len(rhos), generator=generator).tolist()
        yield "permuted", draw, [rhos[index] for index in order]
    mean = torch.stack(list(rhos)).mean()
    yield "common", 0, [mean for _ in rhos]


def rms_change(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """Return the root mean square over layers of the change of rho, channels averaged first."""
    squares = [((b - a) ** 2).mean() for a, b in zip(before, after, strict=True)]
    return float(torch.stack(squares).mean().sqrt())
