"""P3: how much of what the machine can do a whole training step gets, and where the rest goes."""

import re
from collections import Counter
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from ttq_bench.models.catalog import MODELS
from ttq_bench.speed.figures import Figure
from ttq_bench.speed.pairing import fastest
from ttq_bench.speed.roofline import PASSES, step_bytes
from ttq_bench.speed.steps import Work, repeated_step
from ttq_bench.training.evaluation import autocast
from ttq_bench.training.steps import WARMUP_STEPS

SIDES = (512, 1024, 2048, 4096, 8192)  # of square matrices; the last for GPUs alone
CONVOLUTIONS = ((128, 64, 32), (128, 256, 16))  # images, channels, height and width
COPIED_BYTES = 2**28
PROFILED_STEPS, SHOWN_OPERATORS = 3, 8


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest rates seen: operations a second in the recipe's dtype, bytes moved a second."""

    flops: float
    bytes: float


def measured_peak(work: Work) -> Peak:
    """Return the largest rate of products and convolutions, and of copies, on this machine."""
    low = work.recipe.precision == "bf16"
    dtype = torch.bfloat16 if low else torch.float32
    rates = [_matrix_rate(side, dtype, work) for side in SIDES[: 5 if _on_gpu(work) else 3]]
    rates += [_convolution_rate(*shape, work) for shape in CONVOLUTIONS]
    source = torch.ones(COPIED_BYTES // 4, device=work.device)
    target = torch.empty_like(source)
    seconds = fastest(lambda: target.copy_(source), work.device)
    return Peak(max(rates), 2 * COPIED_BYTES / seconds)


def _on_gpu(work: Work) -> bool:
    return work.device.type == "cuda"


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


def step_flops(work: Work) -> float:
    """Return the floating-point operations of one training step, by the layers' products alone."""
    return PASSES * 2 * MODELS[work.model].multiply_adds * work.recipe.batch_size


def operators(work: Work) -> list[Figure]:
    """Return the share of a full-precision step's time by operator, largest first, and the rest."""
    step = repeated_step(work, work.network())
    for _ in range(WARMUP_STEPS + 1):  # on a GPU, the next one is a graph
        step()
    kind = ProfilerActivity.CUDA if _on_gpu(work) else ProfilerActivity.CPU
    with profile(activities=[kind]) as seen:
        for _ in range(PROFILED_STEPS):
            step()
    name = "self_device_time_total" if _on_gpu(work) else "self_cpu_time_total"
    spent: Counter[str] = Counter()
    for event in seen.key_averages():
        spent[short(event.key)] += getattr(event, name)
    total = sum(spent.values()) or 1.0
    largest = spent.most_common(SHOWN_OPERATORS)
    rest = total - sum(time for _, time in largest)
    return [
        Figure("P3", f"of a step: {operator}", 100 * time / total, "%")
        for operator, time in [*largest, ("all others", rest)]
    ]


def short(operator: str) -> str:
    """Return the name of an operator or kernel without types, arguments and tile sizes."""
    if operator.startswith("_Z"):  # mangled still, as the profiler leaves names that are very long
        return max(_words(operator, 5), key=len)
    plain = operator.removeprefix("void ").replace("(anonymous namespace)::", "")
    name = re.sub(r"<.*|\(.*", "", plain).rpartition("::")[2]
    # All of one library are called so: what of, says the first type.
    if re.fullmatch(r"Kernel\d*", name) and (of := re.search(r"Kernel\d*<([\w:]+)", plain)):
        name = of[1].rpartition("::")[2]
    return re.split("_f32_nhwckrsc|_optimized", name)[0]


def _words(mangled: str, count: int) -> list[str]:
    """Return the first words of a mangled name, each of which has its length before it."""
    words: list[str] = []
    rest = mangled
    while len(words) < count and (found := re.search(r"S\d*_|L[a-z]\d+E|(\d+)", rest)):
        rest = rest[found.end() :]
        if found[1]:  # no abbreviation, and no number
            words.append(rest[: int(found[1])])
            rest = rest[int(found[1]) :]
    return [word for word in words if word] or [mangled]


def measure(work: Work, peak: Peak) -> list[Figure]:
    """Return what a full-precision step reaches of the measured peaks, arithmetic and memory."""
    step = repeated_step(work, work.network())
    step()
    seconds = fastest(step, work.device)
    step_of = f"{work.model}, {work.recipe.precision}: a training step's share of the measured peak"
    arithmetic, memory = step_flops(work) / peak.flops, step_bytes(work) / peak.bytes
    return [
        Figure("P3", step_of, 100 * arithmetic / seconds, "%"),
        Figure("P3", f"{step_of} of memory", 100 * memory / seconds, "%"),
    ]
