"""The file of a published network, read without torch."""

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.export.conftest import network
from ttq_bench.errors import ResultsError
from ttq_bench.export.packed_file import packed_bytes
from ttq_bench.export.packing import pack_codes
from ttq_bench.records.networks import LARGEST_BYTES, code_shares, is_whole, read_network


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "network.safetensors"
    found.write_bytes(packed_bytes(*network(), {"weights_sha256": "ab"}))
    return found


def test_it_is_read_as_safetensors_reads_it(path):
    read = read_network(path)

    with safe_open(path, framework="np") as stream:
        assert set(read.tensors) == set(stream.keys())
        for name, value in read.tensors.items():
            np.testing.assert_array_equal(value, stream.get_tensor(name))
    assert read.weights_sha256 == "ab"


def test_a_flipped_bit_anywhere_is_noticed(path):
    content = path.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 60)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert not is_whole(path), place


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"\xff" * 8, (1 << 40).to_bytes(8, "little"), b"\x02" + b"\x00" * 7 + b"{}"],
)
def test_what_is_no_such_file_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)

    with pytest.raises(ResultsError, match=r"x\.safetensors: not a published network \([^\n]+\);"):
        read_network(path)


def test_an_exported_network_is_no_published_one_and_is_refused_in_one_sentence(path):
    path.write_bytes(packed_bytes(*network()))

    assert not is_whole(path)
    with pytest.raises(ResultsError, match=r"not a published network \(it is an export: [^\n]+\);"):
        read_network(path)


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "x.safetensors"
    with path.open("wb") as stream:
        stream.truncate(LARGEST_BYTES + 1)

    assert not is_whole(path)


def test_a_missing_file_is_not_whole(tmp_path):
    assert not is_whole(tmp_path / "x.safetensors")


def test_shares_of_codes_are_counted():
    codes = torch.tensor([1, 1, 0, -1, 0, 0, 1], dtype=torch.int8)

    assert code_shares(pack_codes(codes).numpy(), 7) == pytest.approx((3 / 7, 3 / 7, 1 / 7))
