import math

import pytest
import torch

from tests.export.conftest import network
from ttq_bench.export.sizes import network_sizes, sizes_csv, sizes_text
from ttq_bench.models.build import build_model
from ttq_bench.ternary.conversion import quantize_
from ttq_bench.ternary.weight_stats import layer_statistics


def test_bytes_of_a_network_are_those_counted_by_hand():
    *layers, quantized, rest, whole = network_sizes(network()[0])
    weights = 6 * 16 * 25 + 400 * 120 + 120 * 84

    assert [layer.part for layer in layers] == ["conv2", "fc1", "fc2"]
    assert quantized.dense_bytes == 4 * weights
    assert quantized.packed_bytes == weights // 4 + 3 * 8
    assert rest.dense_bytes == rest.packed_bytes == 4 * (61_706 - weights)
    assert whole.dense_bytes == 4 * 61_706
    assert whole.packed_bytes == quantized.packed_bytes + rest.packed_bytes
    assert quantized.ratio == pytest.approx(16, rel=1e-2)
    assert whole.ratio < quantized.ratio


def test_the_entropy_bound_is_the_entropy_of_the_shares():
    model, _ = network()
    first = network_sizes(model)[0]
    found = layer_statistics(model)[0]

    shares = [found.positive_share, found.zero_share, found.negative_share]
    bits = sum(-p * math.log2(p) for p in shares)
    assert first.entropy_bytes == pytest.approx(first.weights * bits / 8 + 8)
    assert first.entropy_bytes < first.packed_bytes


def test_a_layer_of_one_code_has_no_entropy():
    model = build_model("lenet5", classes=10, seed=0)
    torch.nn.init.zeros_(model.conv2.weight)

    assert network_sizes(quantize_(model, "ttq"))[0].entropy_bytes == 8


def test_tables_hold_every_layer_and_the_totals():
    sizes = network_sizes(network()[0])

    lines = sizes_csv(sizes).decode().splitlines()
    assert lines[0] == "part,weights,dense_bytes,packed_bytes,entropy_bytes,ratio"
    assert len(lines) == 1 + 3 + 3
    assert [line.split("  ")[0] for line in sizes_text(sizes)[1:]] == [
        "quantized layers", "all else", "network",
    ]  # fmt: skip
