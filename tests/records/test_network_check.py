"""A published network beside another record, or with other content than its record tells of."""

import shutil

import numpy as np
import pytest
import safetensors.numpy
import torch

from ttq_bench.export.packing import pack_codes, unpack_codes
from ttq_bench.records.network_check import network_differences
from ttq_bench.records.networks import content_digest, read_network
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record


@pytest.fixture
def trial(trained_pair, tmp_path):
    """The paths and record of a trained ttq trial, to be changed."""
    results, _, child = trained_pair
    shutil.copytree(results.root, tmp_path / "results")
    paths = ResultsPaths(tmp_path / "results").trial(child.trial_id)
    return paths, read_record(paths.record)


@pytest.fixture
def content(trial):
    """The bytes of its network."""
    return trial[0].network.read_bytes()


def rewrite(paths, change):
    """Give the network other tensors or metadata, with a digest that fits."""
    network = read_network(paths.network)
    metadata, tensors = dict(network.metadata), dict(network.tensors)
    change(metadata, tensors)
    metadata["sha256"] = content_digest(metadata, tensors)
    paths.network.write_bytes(safetensors.numpy.save(tensors, metadata))


def other_scale(_, tensors):
    name = next(name for name in tensors if name.endswith("positive_scale"))
    tensors[name] = tensors[name] * np.float32(1.001)


def other_codes(_, tensors):
    name = next(name for name in tensors if name.endswith(".codes"))
    packed = torch.from_numpy(tensors[name].copy())
    codes = unpack_codes(packed, torch.Size([4 * len(packed)]))
    codes[codes == 0] = 1
    tensors[name] = pack_codes(codes).numpy()


def other_trial(metadata, _):
    metadata["trial_id"] = "another"


def other_spec(metadata, _):
    metadata["spec"] = metadata["spec"].replace('"seed": 0', '"seed": 1')


def no_codes(_, tensors):
    del tensors[next(name for name in tensors if name.endswith(".codes"))]


def test_the_network_of_a_record_agrees_with_it(trial, content):
    assert content
    assert list(network_differences(*trial)) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (other_scale, "positive_scale"),
        (other_codes, "positive_share"),
        (other_trial, "trial_id"),
        (other_spec, "spec"),
        (no_codes, "no codes"),
    ],
)
def test_one_that_differs_is_named_with_the_place(trial, content, change, place):
    rewrite(trial[0], change)

    assert trial[0].network.read_bytes() != content
    differences = list(network_differences(*trial))

    assert place in str(differences[0])


def test_a_damaged_one_is_a_difference(trial, content):
    trial[0].network.write_bytes(content[:-1])

    (difference,) = network_differences(*trial)

    assert "not a published network" in str(difference)


def test_a_record_without_a_network_has_no_difference(trial, content):
    trial[0].network.unlink()

    assert content
    assert list(network_differences(*trial)) == []
