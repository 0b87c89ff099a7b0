"""A network as ONNX, for other runtimes, checked with onnxruntime before it is written.

Needs the packages of the extra ``onnx``. ONNX has no ternary type, so weights are floats there.
"""

import copy
import importlib.util
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from ttq_bench.errors import TtqBenchError
from ttq_bench.files import write_atomically
from ttq_bench.ternary.freezing import freeze_

TOLERANCE = 1e-4
TRIED_IMAGES = 16
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def missing_packages() -> list[str]:
    """Return the packages that an export would need and that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def save_onnx(
    path: Path,
    model: nn.Module,
    image_shape: tuple[int, int, int],
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> float:
    """Write ``model`` to ``path`` for batches of any size; return the largest difference of logits.

    ``metadata`` becomes the file's ``metadata_props``. The logits of onnxruntime for random
    standardised images are compared with those of ``model`` in single precision on the CPU, in
    units of the largest logit where that is above one. Raises ``TtqBenchError``, and writes
    nothing, if one differs by more than 1e-4.
    """
    model = freeze_(copy.deepcopy(model)).eval().cpu().float()  # thresholds cannot be exported
    images = torch.randn(TRIED_IMAGES, *image_shape, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / "model.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own, of its own calls
            torch.onnx.export(
                model,
                (images,),
                temporary,
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        _add_metadata(temporary, metadata)
        difference = _difference(temporary, model, images)
        if not difference <= TOLERANCE:
            raise TtqBenchError(
                f"{path}: not written: logits of onnxruntime differ by {difference:g}, allowed is"
                f" {TOLERANCE:g}"
            )
        write_atomically(path, temporary.read_bytes())
    return difference


def _add_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.save(model, path)


@torch.no_grad()
def _difference(path: Path, model: nn.Module, images: torch.Tensor) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    largest = 0.0
    for batch in (images, images[:3]):  # two batch sizes
        (logits,) = session.run(None, {"images": batch.numpy()})
        expected = model(batch)
        difference = (torch.from_numpy(logits) - expected).abs().max()
        largest = max(largest, float(difference / expected.abs().max().clamp_min(1)))
    return largest
