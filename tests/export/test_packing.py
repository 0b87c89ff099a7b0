import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.errors import TtqBenchError
from ttq_bench.export.packing import pack_codes, unpack_codes


def test_the_first_code_stands_in_the_lowest_bits():
    # -1, 0, 1, -1 are 0, 1, 2, 0: 0b00_10_01_00; then one code alone.
    assert pack_codes(torch.tensor([-1, 0, 1, -1, 1], dtype=torch.int8)).tolist() == [0b00100100, 2]


@given(codes=st.lists(st.sampled_from([-1, 0, 1]), max_size=70))
def test_codes_come_back_as_they_were_in_a_quarter_of_the_bytes(codes):
    tensor = torch.tensor(codes, dtype=torch.int8)

    packed = pack_codes(tensor)

    assert packed.dtype == torch.uint8
    assert len(packed) == (len(codes) + 3) // 4
    assert unpack_codes(packed, tensor.shape).tolist() == codes


def test_shape_and_memory_format_do_not_move_a_code():
    codes = torch.randint(-1, 2, (5, 3, 3, 2), dtype=torch.int8)
    other = codes.to(memory_format=torch.channels_last)

    assert torch.equal(pack_codes(other), pack_codes(codes))
    assert torch.equal(unpack_codes(pack_codes(other), codes.shape), codes)


@pytest.mark.parametrize(
    "packed",
    [
        torch.zeros(1, dtype=torch.uint8),
        torch.zeros(3, dtype=torch.uint8),
        torch.zeros(2, dtype=torch.int32),
        torch.zeros(2, 1, dtype=torch.uint8),
    ],
)
def test_bytes_that_cannot_be_those_of_the_shape_are_refused(packed):
    with pytest.raises(TtqBenchError, match="codes of 5 weights are 2 bytes; got a"):
        unpack_codes(packed, torch.Size([5]))


@pytest.mark.parametrize("content", [[0b11, 0], [0, 0b0100]])
def test_bit_patterns_that_are_never_written_are_refused(content):
    with pytest.raises(TtqBenchError, match="never written"):
        unpack_codes(torch.tensor(content, dtype=torch.uint8), torch.Size([5]))
