"""The roofline: the machine's measured peaks, and how far below them each layer of a network is.

A layer's place is its operations for each byte that it has to move, and its operations a second.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.speed.figures import Figure
from ttq_bench.speed.pairing import fastest, fastest_operation
from ttq_bench.speed.steps import Work
from ttq_bench.training.evaluation import autocast

SIDES = (512, 1024, 2048, 4096, 8192)  # of square matrices; the last two for GPUs alone
CONVOLUTIONS = ((128, 64, 32), (128, 256, 16))  # images, channels, height and width
COPIED_BYTES = 2**28
GIGA = 1e9
CONVOLUTION_BATCH_NORM = (nn.Conv2d, nn.BatchNorm2d)
BATCH_NORM_OPERATIONS = 8  # for each number: mean, variance, scaled and shifted


# Name, operations for each byte, operations a second.
Place = tuple[str, float, float]


def measure_peaks(work: Work) -> list[Figure]:
    """Return the largest rates: of operations in the recipe's dtype, and of bytes moved."""
    low = work.recipe.precision == "bf16"
    dtype = torch.bfloat16 if low else torch.float32
    sides = SIDES if work.device.type == "cuda" else SIDES[:3]
    rates = [_matrix_rate(side, dtype, work) for side in sides]
    rates += [_convolution_rate(*shape, work) for shape in CONVOLUTIONS]
    source = torch.ones(COPIED_BYTES // 4, device=work.device)
    target = torch.empty_like(source)
    seconds = fastest(lambda: target.copy_(source), work.device)
    moved = 2 * COPIED_BYTES / seconds
    return [
        Figure("roofline", "measured peak of arithmetic", max(rates) / GIGA, "GFLOP/s"),
        Figure("roofline", "measured peak of memory", moved / GIGA, "GB/s"),
    ]


def _matrix_rate(side: int, dtype: torch.dtype, work: Work) -> float:
    a, b = (torch.randn(side, side, device=work.device).to(dtype) for _ in range(2))
    return 2 * side**3 / fastest(lambda: a @ b, work.device)


def _convolution_rate(images: int, channels: int, side: int, work: Work) -> float:
    layout = {"memory_format": torch.channels_last}
    x = torch.randn(images, channels, side, side).to(work.device, **layout)  # type: ignore[call-overload]
    w = torch.randn(channels, channels, 3, 3).to(work.device, **layout)  # type: ignore[call-overload]
    with torch.no_grad(), autocast(work.device, work.recipe.precision):
        if work.recipe.precision == "bf16":
            x, w = x.bfloat16(), w.bfloat16()
        seconds = fastest(lambda: F.conv2d(x, w, padding=1), work.device)
    return 2 * images * side * side * channels * channels * 9 / seconds


@torch.no_grad()
def places(work: Work) -> list[Place]:
    """Return the place of each different convolution and normalisation in a forward pass.

    Bytes are those that have to be moved at least: inputs, weights and outputs, once each.
    """
    seen: dict[str, tuple[nn.Module, Tensor]] = {}

    def note(module: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
        shape = "x".join(map(str, inputs[0].shape[1:]))
        seen.setdefault(f"{_kind(module)} {shape}", (module, inputs[0]))

    model = work.network()
    layers = [layer for layer in model.modules() if isinstance(layer, CONVOLUTION_BATCH_NORM)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with autocast(work.device, work.recipe.precision):
        model(work.batch()[0])
        for hook in hooks:
            hook.remove()
        return [_place(name, *layer, work) for name, layer in seen.items()]


def _moved(module: nn.Module, inputs: Tensor, outputs: Tensor) -> int:
    weights = sum(parameter.numel() for parameter in module.parameters())
    return inputs.nbytes + outputs.nbytes + weights * outputs.element_size()


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        return f"conv {module.out_channels}"
    return "batch norm"


def _place(name: str, module: nn.Module, inputs: Tensor, work: Work) -> Place:
    outputs = module(inputs)
    if isinstance(module, nn.Conv2d):
        operations = 2 * outputs.numel() * module.weight[0].numel()
    else:
        operations = BATCH_NORM_OPERATIONS * outputs.numel()
    seconds = fastest_operation(lambda: module(inputs), work.device)
    return name, operations / _moved(module, inputs, outputs), operations / seconds
