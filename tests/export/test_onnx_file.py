import onnxruntime
import pytest
import torch

from ttq_bench.errors import TtqBenchError
from ttq_bench.export import onnx_file
from ttq_bench.export.onnx_file import save_onnx
from ttq_bench.export.packed_file import load_packed
from ttq_bench.models.build import build_model

pytestmark = pytest.mark.filterwarnings("ignore")  # the exporter warns of its own calls


def logits(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def test_another_runtime_gives_the_logits_of_the_packed_network(packed, tmp_path):
    model, _ = load_packed(packed)
    images = torch.randn(5, 1, 28, 28, generator=torch.Generator().manual_seed(9))

    difference = save_onnx(tmp_path / "network.onnx", model, (1, 28, 28))

    assert difference < 1e-4
    with torch.no_grad():
        found, expected = logits(tmp_path / "network.onnx", images), model(images)
        assert (found - expected).abs().max() <= 1e-4 * expected.abs().max().clamp_min(1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet20", "preact_resnet20"])
def test_residual_networks_are_exported_with_their_normalisation(name, tmp_path):
    model = build_model(name, classes=10, seed=0)
    with torch.no_grad():
        model(torch.randn(64, 3, 32, 32))  # running statistics that are not those of the start

    assert save_onnx(tmp_path / "network.onnx", model, (3, 32, 32)) < 1e-4


def test_a_file_whose_logits_differ_is_not_written(monkeypatch, packed, tmp_path):
    monkeypatch.setattr(onnx_file, "TOLERANCE", -1.0)

    with pytest.raises(TtqBenchError, match="not written: logits of onnxruntime differ by"):
        save_onnx(tmp_path / "network.onnx", load_packed(packed)[0], (1, 28, 28))
    assert not (tmp_path / "network.onnx").exists()
