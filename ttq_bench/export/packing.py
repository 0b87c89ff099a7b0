"""Codes -1, 0 and +1 as two bits each, four to a byte, the first one in the lowest bits."""

import torch
from torch import Tensor

from ttq_bench.errors import TtqBenchError

CODES_PER_BYTE = 4
LARGEST = 2  # of the three bit patterns in use: code + 1; the fourth is never written


def pack_codes(codes: Tensor) -> Tensor:
    """Return codes (int8, any shape) as uint8 [ceil(n / 4)], in the order of their indices."""
    digits = (codes.reshape(-1) + 1).to(torch.uint8)
    rest = -len(digits) % CODES_PER_BYTE
    digits = torch.cat([digits, digits.new_zeros(rest)]).view(-1, CODES_PER_BYTE)
    return (digits << _shifts()).sum(1, dtype=torch.uint8)


def unpack_codes(packed: Tensor, shape: torch.Size) -> Tensor:
    """Return the codes (int8) of ``shape``; ``TtqBenchError`` if the bytes cannot be theirs."""
    count = shape.numel()
    if packed.dtype != torch.uint8 or packed.shape != (-(-count // CODES_PER_BYTE),):
        raise TtqBenchError(
            f"codes of {count} weights are {-(-count // CODES_PER_BYTE)} bytes; got a"
            f" {str(packed.dtype).removeprefix('torch.')} tensor of shape {tuple(packed.shape)}"
        )
    digits = (packed[:, None] >> _shifts() & 3).flatten()
    if digits.numel() and (int(digits.max()) > LARGEST or bool(digits[count:].any())):
        raise TtqBenchError("codes hold a bit pattern that is never written")
    return (digits[:count].to(torch.int8) - 1).view(shape)


def _shifts() -> Tensor:
    return torch.arange(0, 2 * CODES_PER_BYTE, 2, dtype=torch.uint8)
