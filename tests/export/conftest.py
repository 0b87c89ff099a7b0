import pytest
import torch
from torch import nn

from tests.spec.test_trial import SPEC
from ttq_bench.export.packed_file import save_packed
from ttq_bench.models.build import build_model
from ttq_bench.spec.trial import Conversion, Quantization, TrialSpec
from ttq_bench.ternary.conversion import quantize_
from ttq_bench.ternary.strategies import DeltaStrategy


def network(method: str = "ttq", granularity: str = "published") -> tuple[nn.Module, TrialSpec]:
    """Return a LeNet as it might be after training, its scales set apart, and a spec for it."""
    strategy = DeltaStrategy("max_fraction", 0.2)
    model = build_model("lenet5", classes=10, seed=1)
    quantize_(model, method, strategy, granularity=granularity)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "scale" in name:
                parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.5)
    conversion = Conversion(granularity=granularity)
    quantization = Quantization(method=method, strategy=strategy, conversion=conversion)
    return model.eval(), SPEC.model_copy(update={"model": "lenet5", "quantization": quantization})


@pytest.fixture
def packed(tmp_path):
    """A packed network's file."""
    path = tmp_path / "network.safetensors"
    save_packed(path, *network())
    return path
