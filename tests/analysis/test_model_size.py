"""Compression by counting: by hand, and against the bytes of networks that were really packed."""

import pytest

from tests.record_builders import SHORT, tables_of, write_arm, write_parents, write_trial
from ttq_bench.analysis.measured import Network
from ttq_bench.analysis.model_size import layer_compression, network_compression
from ttq_bench.export.sizes import network_sizes
from ttq_bench.models.build import build_model
from ttq_bench.ternary.conversion import quantize_
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.weight_stats import layer_statistics


def weights(**counts):
    return lambda epoch, layer: {"weight_count": counts[layer]}


def write_counted(root, counts, parameter_count, *, name="ttq-0", seed=0, **more):
    scales = dict.fromkeys(counts, (1.0, 1.0))
    write_trial(
        root, name, seed=seed, errors=(9.0, 9.0), scales=scales, parameter_count=parameter_count,
        changes=weights(**counts), **more,
    )  # fmt: skip


def ratios(root, network=SHORT):
    found = [
        measure(tables_of(root), network) for measure in (layer_compression, network_compression)
    ]
    assert all(measured.counted and len(measured.values) == 1 for measured in found)
    return tuple(measured.values[0] for measured in found)


def test_ratios_worked_by_hand(tmp_path):
    """Two layers of 1,000 and 30 weights: 250 + 8 and 7.5, whole bytes 8, + 8; 70 other numbers.

    The four scales are parameters of the trial, but no part of the network that became smaller.
    """
    write_counted(tmp_path, {"a": 1000, "b": 30}, 1000 + 30 + 70 + 4)
    layers, network = ratios(tmp_path)
    assert layers == pytest.approx(4 * 1030 / (258 + 16))
    assert network == pytest.approx(4 * 1100 / (258 + 16 + 4 * 70))


@pytest.mark.parametrize(("count", "packed"), [(1, 9), (4, 9), (5, 10), (8, 10)])
def test_codes_take_whole_bytes(tmp_path, count, packed):
    write_counted(tmp_path, {"a": count}, count + 2)
    assert ratios(tmp_path) == pytest.approx((4 * count / packed,) * 2)


def test_no_layer_gets_sixteen_times_smaller_but_a_large_one_nearly(tmp_path):
    write_counted(tmp_path, {"a": 4_000_000}, 4_000_002)
    layers, _ = ratios(tmp_path)
    assert 15.9 < layers < 16


@pytest.mark.parametrize("model", ["lenet5", "resnet20"])
def test_ratios_are_those_of_a_packed_network(tmp_path, model):
    built = build_model(model, classes=10, seed=0)
    unquantized = sum(parameter.numel() for parameter in built.parameters())
    buffers = sum(buffer.nbytes for buffer in built.buffers())
    quantize_(built, "ttq", DeltaStrategy("max_fraction", 0.05))
    *_, layers, _rest, whole = network_sizes(built)
    counts = {row.layer: row.weight_count for row in layer_statistics(built)}
    parameters = sum(parameter.numel() for parameter in built.parameters())
    write_counted(tmp_path, counts, parameters, model=model)
    assert ratios(tmp_path, Network("cifar10-jpeg", "short", model)) == pytest.approx(
        (layers.ratio, 4 * unquantized / (whole.packed_bytes - buffers))
    )


def test_the_conversion_with_the_most_seeds_answers(tmp_path):
    write_parents(tmp_path, 2)
    more = {"parent": "fp-0", "conversion": {"keep_last": False}}
    write_counted(tmp_path, {"a": 1000}, 1002, name="a", **more)
    for seed in range(2):
        write_counted(tmp_path, {"a": 100}, 102, name=f"b-{seed}", seed=seed, parent=f"fp-{seed}")
    assert ratios(tmp_path)[0] == pytest.approx(400 / 33)


def test_one_pair_of_scales_for_each_channel_is_not_what_the_paper_counts(tmp_path):
    write_counted(tmp_path, {"a": 1000}, 1002, conversion={"granularity": "channel"})
    assert layer_compression(tables_of(tmp_path), SHORT) is None


def test_other_arms_and_a_folder_without_records_are_not_counted(tmp_path):
    assert network_compression(tables_of(tmp_path), SHORT) is None
    write_parents(tmp_path, 1)
    write_arm(tmp_path, "ttq-tied", [9.0])
    write_arm(tmp_path, "twn", [9.0])
    assert layer_compression(tables_of(tmp_path), SHORT) is None
    assert network_compression(tables_of(tmp_path), SHORT) is None
