"""The size of a network in bytes: dense, packed, and a lower bound (claim Z1: nearly 16x smaller).

The bound is the entropy of the shares of a layer's codes times its weights: no coding of single
codes is smaller. Scales are counted in full in every column but the dense one.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from torch import Tensor, nn

from ttq_bench.export.packed_file import packed_tensors
from ttq_bench.ternary.weight_stats import LayerStatistics, layer_statistics

DENSE_BYTES = 4  # single precision


@dataclass(frozen=True, slots=True)
class Size:
    """A part of a network: ``weights`` are its numbers that are stored either way."""

    part: str
    weights: int
    dense_bytes: int
    packed_bytes: int
    entropy_bytes: float

    @property
    def ratio(self) -> float:
        """Return how many times smaller the packed form is."""
        return self.dense_bytes / self.packed_bytes


def network_sizes(model: nn.Module) -> list[Size]:
    """Return the size of each quantized layer, their sum, the other tensors, and the whole."""
    tensors = packed_tensors(model)
    layers = [_layer(layer, tensors) for layer in layer_statistics(model)]
    quantized = _total("quantized layers", layers)
    names = tuple(f"{layer.part}.weight." for layer in layers)
    others = [value for name, value in tensors.items() if not name.startswith(names)]
    count, size = sum(t.numel() for t in others), sum(t.nbytes for t in others)
    rest = Size("all else", count, size, size, size)
    return [*layers, quantized, rest, _total("network", [quantized, rest])]


def _layer(layer: LayerStatistics, tensors: Mapping[str, Tensor]) -> Size:
    names = (f"{layer.layer}.weight.{sign}_scale" for sign in ("positive", "negative"))
    scales = sum(tensors[name].nbytes for name in names)
    shares = layer.positive_share, layer.zero_share, layer.negative_share
    bits = -math.fsum(share * math.log2(share) for share in shares if share > 0)
    return Size(
        part=layer.layer,
        weights=layer.weight_count,
        dense_bytes=DENSE_BYTES * layer.weight_count,
        packed_bytes=tensors[f"{layer.layer}.weight.codes"].nbytes + scales,
        entropy_bytes=layer.weight_count * bits / 8 + scales,
    )


def _total(name: str, sizes: Sequence[Size]) -> Size:
    columns = ("weights", "dense_bytes", "packed_bytes", "entropy_bytes")
    return Size(name, *(sum(getattr(size, column) for size in sizes) for column in columns))


def sizes_csv(sizes: Sequence[Size]) -> bytes:
    """Return the sizes as a table with a ratio column."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*(field.name for field in fields(Size)), "ratio"])
    writer.writeheader()
    writer.writerows({**asdict(size), "ratio": size.ratio} for size in sizes)
    return stream.getvalue().encode()


def sizes_text(sizes: Sequence[Size]) -> list[str]:
    """Return the totals as lines of a table for the terminal."""
    lines = [f"{'':18}{'numbers':>12}{'dense B':>14}{'packed B':>14}{'entropy B':>14}{'ratio':>8}"]
    for size in sizes[-3:]:
        lines.append(
            f"{size.part:18}{size.weights:>12,}{size.dense_bytes:>14,}{size.packed_bytes:>14,}"
            f"{size.entropy_bytes:>14,.0f}{size.ratio:>8.2f}"
        )
    return lines
