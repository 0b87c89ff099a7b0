import contextlib
import json

import pytest
import safetensors.numpy
import safetensors.torch
import torch

from tests.export.conftest import network
from tests.spec.test_trial import SPEC
from ttq_bench.errors import TtqBenchError
from ttq_bench.export.packed_file import load_packed, save_packed
from ttq_bench.records.networks import content_digest, parsed
from ttq_bench.ternary.methods import METHODS

QUANTIZED = sorted(name for name in METHODS if METHODS[name].is_quantized)


@pytest.mark.parametrize("granularity", ["layer", "channel"])
@pytest.mark.parametrize("method", QUANTIZED)
def test_the_restored_network_gives_the_same_logits_to_the_bit(tmp_path, method, granularity):
    model, spec = network(method, granularity)
    path = tmp_path / "network.safetensors"
    images = torch.randn(32, 1, 28, 28, generator=torch.Generator().manual_seed(3))

    size = save_packed(path, model, spec)
    restored, read = load_packed(path)

    assert size == path.stat().st_size
    assert read == spec
    assert not restored.training
    with torch.no_grad():
        assert torch.equal(restored(images), model(images))


def test_quantized_weights_take_a_quarter_of_a_byte(packed):
    tensors = safetensors.torch.load_file(packed)

    assert tensors["fc1.weight.codes"].dtype == torch.uint8
    assert tensors["fc1.weight.codes"].nbytes == 400 * 120 // 4
    assert "fc1.weight" not in tensors
    assert not any("original" in name for name in tensors)


def refused(path, message):
    with pytest.raises(TtqBenchError, match=message) as caught:
        load_packed(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    refused(tmp_path / "none.safetensors", "no such file")


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_file_that_was_cut_short_is_told(packed, kept):
    packed.write_bytes(packed.read_bytes()[:kept])

    refused(packed, "it is no safetensors file, or cut short")


def test_one_flipped_bit_in_a_tensor_is_found(packed):
    content = bytearray(packed.read_bytes())
    content[-1000] ^= 4
    packed.write_bytes(content)

    refused(packed, "or damaged .its content is not what was written")


def test_a_file_of_another_program_is_told_apart(tmp_path):
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"weight": torch.ones(2)}, path, {"format": "pt"})

    refused(path, "another program wrote it.; `ttq-bench export` writes one")


def rewritten(path, *, signed, drop=(), **changes):
    """Write the file again with other metadata, with the digest of the old or of the new ones."""
    network = parsed(path.read_bytes())
    metadata = {**network.metadata, **changes}
    metadata = {name: value for name, value in metadata.items() if name not in drop}
    digest = content_digest(metadata if signed else network.metadata, network.tensors)
    safetensors.numpy.save_file(dict(network.tensors), path, metadata | {"sha256": digest})


OTHER_MODEL = json.dumps(SPEC.model_copy(update={"model": "resnet20"}).resolved())
CHANGES = [{"spec": "{}"}, {"spec": OTHER_MODEL}, {"classes": "7"}, {"classes": "-1"}]


@pytest.mark.parametrize("changes", [*CHANGES, {"trial_id": "another"}])
def test_metadata_that_were_changed_are_found(packed, changes):
    rewritten(packed, signed=False, **changes)

    refused(packed, "or damaged .its content is not what was written")


@pytest.mark.parametrize("changes", [*CHANGES, {"classes": "ten"}, {"drop": ("spec",)}])
def test_metadata_that_do_not_fit_are_told_even_with_a_right_digest(packed, changes):
    rewritten(packed, signed=True, **changes)

    refused(packed, "not restored, its parts do not fit each other")


def test_a_file_of_another_format_is_told_with_both(packed):
    rewritten(packed, signed=True, format="ttq_bench packed network, version 2")

    refused(packed, "this version reads .format '.*version 2', known is '.*version 1'.; update")


def test_no_flipped_bit_of_the_header_changes_what_is_loaded(packed):
    content = packed.read_bytes()
    length = int.from_bytes(content[:8], "little")
    expected = load_packed(packed)[1]
    for place in range(8, 8 + length, 7):
        packed.write_bytes(
            content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
        )
        with contextlib.suppress(TtqBenchError):
            assert load_packed(packed)[1] == expected


def test_a_list_of_a_million_tensors_is_refused_by_its_length(tmp_path):
    path = tmp_path / "many.safetensors"
    with path.open("wb") as stream:
        stream.write((90 << 20).to_bytes(8, "little"))
        stream.truncate(100 << 20)

    refused(path, "says that its list of tensors has 94,371,840 bytes, more than any network's")


def test_a_file_of_terabytes_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse
    with pytest.raises(TtqBenchError, match=r"it has 1,099,511,627,776 bytes, more than any"):
        load_packed(path)
