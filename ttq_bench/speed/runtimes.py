"""Other ways than torch's own to run a network on a CPU: int8 in torch, onnxruntime and int8 there.

All fold batch normalisation into the convolutions before it. Both kinds of int8 have a scale for
each output channel of weights, and one for each tensor of activations, calibrated beforehand.
Without VNNI instructions eight bits times eight would overflow: torch takes seven for activations,
onnxruntime is told to for weights, on every processor, so that figures can be compared.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ttq_bench.export.onnx_file import missing_packages, save_onnx

Runtime = Callable[[Tensor], Tensor]  # images [N, C, H, W] to logits [N, classes]
TORCH_INT8, ONNX, ONNX_INT8 = "torch int8", "onnxruntime fp32", "onnxruntime int8"


def other_runtimes(
    model: nn.Module, images: Tensor, folder: Path
) -> tuple[dict[str, Runtime], list[str]]:
    """Return each way to run ``model`` that is installed, and why others are not there.

    ``images`` calibrate the activations of int8; ``folder`` keeps the files of ONNX.
    """
    found: dict[str, Runtime] = {}
    missing: list[str] = []
    if torch.backends.quantized.engine == "none":
        missing.append(f"{TORCH_INT8}: not measured: torch has none for this processor")
    else:
        try:
            found[TORCH_INT8] = torch_int8(model, images)
        except ImportError:  # announced since torch 2.10
            missing.append(f"{TORCH_INT8}: not measured: torch {torch.__version__} has none")
    if names := missing_packages():
        verb = "is" if len(names) == 1 else "are"
        missing.append(
            f"{ONNX}, {ONNX_INT8}: not measured: {', '.join(names)} {verb} not installed"
        )
    else:
        found |= onnx_runtimes(model, images, folder)
    return found, missing


@torch.no_grad()
def torch_int8(model: nn.Module, images: Tensor) -> Runtime:
    """Return the network in torch's own int8, its activations calibrated by ``images``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated in favour of a package of its own
        from torch.ao.quantization import get_default_qconfig_mapping
        from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

        engine = torch.backends.quantized.engine
        plain = copy.deepcopy(model).eval()
        observed = prepare_fx(plain, get_default_qconfig_mapping(engine), (images,))
        observed(images)
        quantized: nn.Module = convert_fx(observed)
        quantized(images)  # warns once, too
    return quantized


def onnx_runtimes(model: nn.Module, images: Tensor, folder: Path) -> dict[str, Runtime]:
    """Return the network in onnxruntime, as exported and in static int8 (QDQ)."""
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    plain, folded, int8 = (folder / f"{name}.onnx" for name in ("fp32", "folded", "int8"))
    channels, height, width = images.shape[1:]
    save_onnx(plain, model, (channels, height, width))
    quant_pre_process(str(plain), str(folded))
    quantize_static(
        str(folded), str(int8), _Calibration(images), per_channel=True, reduce_range=True,
        weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
    )  # fmt: skip
    return {ONNX: _session(plain), ONNX_INT8: _session(int8)}


class _Calibration:
    """What onnxruntime asks for images: one batch, then None."""

    def __init__(self, images: Tensor) -> None:
        self.batches: Iterator[dict[str, NDArray[np.float32]]] = iter([{"images": images.numpy()}])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self.batches, None)


def _session(path: Path) -> Runtime:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        (logits,) = session.run(None, {"images": images.numpy()})
        return torch.from_numpy(logits)

    return run
