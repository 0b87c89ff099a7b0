"""Several processes that train one network: what each takes, and how they stay equal.

Alone (``Ranks()``) each of these operations returns what it was given.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed

DIGEST_BYTES = 32


class RanksDifferError(Exception):
    """Processes that have to hold the same network do not."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """The place of this process, counted from 0, among ``count`` that train together.

    With more than one, ``torch.distributed`` has to be initialised, for tensors of the host too.
    """

    rank: int = 0
    count: int = 1

    def share(self, rows: Tensor) -> Tensor:
        """Return the part of ``rows`` [B, ...] that this process takes, equal up to one row."""
        first, last = (len(rows) * place // self.count for place in (self.rank, self.rank + 1))
        return rows[first:last]

    def decided(self, word: int) -> int:
        """Return the number that rank 0 gives."""
        if self.count == 1:
            return word
        number = torch.tensor([word])
        distributed.broadcast(number, src=0)
        return int(number)

    def sums(self, values: Sequence[float]) -> list[float]:
        """Return each value summed over all ranks, in double precision."""
        if self.count == 1:
            return list(values)
        row = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(row)
        sums: list[float] = row.tolist()
        return sums

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor its mean over all ranks, in place."""
        if self.count == 1 or not tensors:
            return
        row = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(row)
        parts = torch.split(row.div_(self.count), [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def state_of_first(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the state (tensors and plain values) that rank 0 gives, on the host."""
        if self.count == 1:
            return state
        content = b""
        if self.rank == 0:
            buffer = io.BytesIO()
            torch.save(state, buffer)
            content = buffer.getvalue()
        given = torch.empty(self.decided(len(content)), dtype=torch.uint8)
        if self.rank == 0:
            given.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
        distributed.broadcast(given, src=0)
        file = io.BytesIO(given.numpy().tobytes())
        loaded: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        return loaded

    def check_equal(self, tensors: Mapping[str, Tensor]) -> None:
        """Raise ``RanksDifferError`` on all ranks unless all hold the same bits under each name."""
        if self.count == 1:
            return
        digests = {name: _digest(tensor) for name, tensor in tensors.items()}
        own = torch.frombuffer(bytearray(b"".join(digests.values())), dtype=torch.uint8)
        others = [torch.empty_like(own) for _ in range(self.count)]
        distributed.all_gather(others, own)
        for rank, other in enumerate(others):
            wrong = (other != own).view(len(digests), DIGEST_BYTES).any(1).tolist()
            if any(wrong):
                name = next(name for name, bad in zip(digests, wrong, strict=True) if bad)
                raise RanksDifferError(
                    f"ranks {self.rank} and {rank} hold different values of {name!r}"
                )


ALONE = Ranks()


def _digest(tensor: Tensor) -> bytes:
    values = tensor.detach().contiguous().cpu().reshape(-1).view(torch.uint8)
    return hashlib.sha256(values.numpy().tobytes()).digest()
