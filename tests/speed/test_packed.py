"""P9: the bytes are counted, the networks are the same, and what is missing is named."""

import sys

import pytest
import torch

from ttq_bench.errors import TtqBenchError
from ttq_bench.export.packed_file import load_packed
from ttq_bench.speed import packed
from ttq_bench.speed.steps import Work
from ttq_bench.training.recipe import Recipe

WORK = Work("lenet5", Recipe(epochs=1, batch_size=4, precision="fp32"), torch.device("cpu"))
WAYS = {"unpacked torch fp32", "torch int8", "onnxruntime fp32", "onnxruntime int8"}


@pytest.fixture(scope="module")
def measured():
    figures, notes = packed.measure(WORK, 0.0)
    return {figure.quantity: figure for figure in figures}, notes


@pytest.fixture
def files(tmp_path):
    """A ternary network, and its packed and its dense file."""
    model = packed._ternary(WORK)
    paths = tmp_path / "packed.safetensors", tmp_path / "dense.safetensors"
    packed._bytes_and_load(WORK, model, paths, 0.0)
    return model, *paths


@pytest.mark.slow
def test_ternary_layers_get_nearly_sixteen_times_smaller(measured):
    layers = measured[0]["ternary layers: dense over packed bytes"]
    # LeNet-5's second convolution and two linear layers: two bits for 32, and two scales each.
    weights = 16 * 6 * 25 + 120 * 400 + 84 * 120
    assert layers.value == pytest.approx(4 * weights / (weights / 4 + 3 * 2 * 4))
    assert layers.verdict == "holds"
    assert 10 < measured[0]["lenet5's file: dense over packed bytes"].value < layers.value


def test_every_way_is_timed_against_dense_torch_at_both_batch_sizes(measured):
    for batch_size in (1, 100):
        start = f"inference on one core, batch {batch_size}: "
        found = {name.removeprefix(start) for name in measured[0] if name.startswith(start)}
        ratios = {f"{way} over dense torch fp32" for way in WAYS}
        assert found == ratios | WAYS | {"dense torch fp32"}
        assert measured[0][f"{start}torch int8"].unit == "ms"


def test_onnxruntime_agrees_and_int8_deviates(measured):
    end = ": largest deviation of a logit, of the largest logit"
    assert measured[0]["onnxruntime fp32" + end].value < 0.01
    for name in ("torch int8", "onnxruntime int8"):
        assert 0.01 < measured[0][name + end].value < 20


def test_both_files_hold_the_network_and_its_scales_differ(files):
    model, *paths = files
    images = packed._images(WORK)
    for path in paths:
        assert torch.equal(packed._checked(path, model, images)(images), model(images))
    weights = load_packed(paths[0])[0].get_parameter("conv2.weight").unique()
    assert len(weights) == 3
    assert weights[2] != -weights[0]


def test_another_network_ends_the_measurement(files):
    model, path, _ = files
    with torch.no_grad():
        model.get_parameter("conv1.weight").mul_(1.001)
    with pytest.raises(TtqBenchError, match="the network of the packed file is another one"):
        packed._checked(path, model, packed._images(WORK))


def test_what_is_not_installed_is_named_and_the_rest_is_measured(monkeypatch):
    monkeypatch.setattr("ttq_bench.export.onnx_file.PACKAGES", ("onnx", "no-such-package"))
    monkeypatch.setitem(sys.modules, "torch.ao.quantization.quantize_fx", None)

    figures, notes = packed.measure(WORK, 0.0)

    assert not any("int8" in figure.quantity for figure in figures)
    assert any("unpacked torch" in figure.quantity for figure in figures)
    where = "P9: onnxruntime fp32, onnxruntime int8: not measured: no-such-package is not installed"
    assert where in notes
    assert f"P9: torch int8: not measured: torch {torch.__version__} has none" in notes
