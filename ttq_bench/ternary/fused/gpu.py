"""The weights of all quantized layers on a GPU: two to eight kernels a step, not some forty.

In a small network starting a kernel takes longer than its arithmetic. The weights are those of
layer by layer: thresholds by largest and k-th magnitudes and codes are the same to the bit, sums
are in another order (tests/ternary/fused/test_gpu.py). Needs Triton, which torch brings on Linux.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ttq_bench.ternary.methods import Method
from ttq_bench.ternary.quantizers import Quantizer

# What the kernels can compute. Layers of other methods and strategies are computed by operations.
BY_CHUNKS = ("max_fraction", "mean_fraction")  # from the measurements of measure_chunks
RULES = (*BY_CHUNKS, "constant_sparsity")
LEVELS = ("two", "three")
LATENT_GRADIENTS = ("scaled", "straight_through", "clipped_sign")
SCALE_GRADIENTS = ("sum", "mean", "as_printed")


@cache
def kernels() -> ModuleType | None:
    """Return the module of kernels, or None, with a warning, where Triton does not work."""
    try:
        from ttq_bench.ternary.fused import kernels as module

        if torch.cuda.is_available():  # the first launch needs a C compiler, and a GPU it knows
            pair = torch.ones(4, 3, device="cuda")
            launch(module.watch_pairs, 1, pair[0], pair[1], pair[2], pair[3], 1, BLOCK=16)
    except Exception as error:  # Triton has no class of its own for what keeps it from working
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        warnings.warn(
            f"ternary weights are computed without Triton's kernels: {reason}", stacklevel=2
        )
        return None
    return module


def launch(kernel: Any, programs: int, *tensors: object, **constants: object) -> None:
    """Run so many programs of a kernel, on the device of the first tensor, not the current one.

    Products and sums round one by one, as torch's do.
    """
    with torch.cuda.device_of(tensors[0]):  # type: ignore[no-untyped-call]
        kernel[(programs,)](*tensors, enable_fp_fusion=False, **constants)


def kernels_for(tensor: Tensor) -> ModuleType | None:
    """Return the module of kernels where they can take this tensor."""
    return kernels() if tensor.is_cuda and tensor.dtype == torch.float32 else None


def _kernels() -> ModuleType:
    module = kernels()
    assert module is not None  # asked before
    return module


def can_compute(latents: Sequence[Tensor], quantizers: Sequence[Quantizer]) -> bool:
    """Return whether kernels make these layers' weights: on a GPU, single precision, known rule."""
    first, method = quantizers[0], quantizers[0].method
    is_held = first.held_threshold is not None
    is_known = (
        (first.strategy is None or first.strategy.name in RULES or is_held)
        and method.levels in LEVELS
        and method.latent_gradient in LATENT_GRADIENTS
        and method.scale_gradient in SCALE_GRADIENTS
    )
    return is_known and all(kernels_for(latent) is not None for latent in latents)


class Segments:
    """Tables of the weights that share a threshold and scales: a layer's, or an output channel's.

    ``counts`` says how many weights each has; they lie one behind the other.
    """

    def __init__(self, counts: Sequence[int], device: torch.device) -> None:
        self.counts = tuple(counts)
        number = torch.tensor(counts)
        begins = number.cumsum(0) - number
        chunk = _kernels().CHUNK
        parts = (number + chunk - 1) // chunk
        firsts = parts.cumsum(0) - parts
        segment = torch.repeat_interleave(torch.arange(len(counts)), parts)
        begin = begins[segment] + (torch.arange(len(segment)) - firsts[segment]) * chunk
        end = torch.minimum(begin + chunk, (begins + number)[segment])
        self.chunks = torch.stack([segment, begin, end], 1).int().to(device)
        self.table = torch.stack([number, firsts, parts], 1).int().to(device)
        self.ranks = torch.zeros(len(counts), dtype=torch.int32, device=device)
        self.ranks_for: float | None = None

    def set_ranks(self, sparsity: float) -> None:
        """Let each segment's threshold have ``round(sparsity * n)`` magnitudes at or below it."""
        if self.ranks_for != sparsity:
            ranks = [round(sparsity * count) for count in self.counts]
            self.ranks = torch.tensor(ranks, dtype=torch.int32, device=self.ranks.device)
            self.ranks_for = sparsity

    def count_digits(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Return how many magnitudes have each digit of the k-th one's bits, and the digits."""
        number, module = len(self.counts), _kernels()
        counts = latent.new_zeros(3, number, module.DIGITS, dtype=torch.int32)
        states = latent.new_empty(3, number, 2, dtype=torch.int32)
        for digit in range(3):
            launch(
                module.count_digits, len(self.chunks), latent, self.ranks, self.chunks, counts,
                states, number, PASS=digit, CHUNK=module.CHUNK, DIGITS=module.DIGITS,
            )  # fmt: skip
        return counts, states


@dataclass(frozen=True, slots=True)
class Rule:
    """How weights are made of latent weights: ``Quantizer``'s settings, and a held threshold [S].

    ``name`` is that of the delta strategy, with its ``number``; empty where there is none, or it is
    held.
    """

    method: Method
    name: str
    number: float
    is_normalised: bool
    held: Tensor | None

    @classmethod
    def of(cls, quantizers: Sequence[Quantizer]) -> "Rule":
        """Return the rule that all of these follow."""
        first = quantizers[0]
        held = None
        if first.held_threshold is not None:
            held = in_a_row([q.held_threshold for q in quantizers if q.held_threshold is not None])
        name = first.strategy.name if first.strategy and held is None else ""
        return cls(first.method, name, float(first.number), first.normalise_latent == "max", held)


def in_a_row(values: Sequence[Tensor]) -> Tensor:
    """Return one number a layer, or one an output channel, one behind the other [S]."""
    return torch.cat([value if value.ndim == 1 else value.reshape(-1) for value in values])


def quantized_on_device(
    latent: Tensor,
    scales: tuple[Tensor, Tensor] | None,
    rule: Rule,
    segments: Segments,
    dtype: torch.dtype,
) -> Tensor:
    """Return the weights, rounded to ``dtype``, of flat latent weights [n] (Eqs. 6 to 8).

    ``scales`` are W_p and W_n [S]; None where they are mean magnitudes, and have no gradient.
    """
    weights: Tensor = _OnDevice.apply(latent, *(scales or (None, None)), rule, segments, dtype)
    return weights


class _OnDevice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor, *rest: Any) -> Tensor:
        positive_scales, negative_scales, rule, segments, dtype = rest
        ctx.rule, ctx.segments = rule, segments
        thresholds, divisors, means = _settled(latent, rule, segments)
        if positive_scales is None:
            positive_scales = negative_scales = means
        ctx.save_for_backward(latent, thresholds, divisors, positive_scales, negative_scales)
        weights = torch.empty_like(latent, dtype=dtype)
        module = _kernels()
        launch(module.quantize_chunks, len(segments.chunks),
            latent, thresholds, divisors, positive_scales, negative_scales, segments.chunks,
            weights, BINARY=rule.method.levels == "two", NORMALISED=rule.is_normalised,
            CHUNK=module.CHUNK,
        )  # fmt: skip
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        segments, method = ctx.segments, ctx.rule.method
        module, chunks = _kernels(), len(segments.chunks)
        latent, thresholds, divisors, positive_scales, negative_scales = ctx.saved_tensors
        of_latent, sums = torch.empty_like(latent), latent.new_empty(chunks, 4)
        launch(module.differentiate_chunks, chunks,
            gradient.contiguous(), latent, thresholds, divisors, positive_scales, negative_scales,
            segments.chunks, segments.table, of_latent, sums, RULE=method.latent_gradient,
            BINARY=method.levels == "two", NORMALISED=ctx.rule.is_normalised, CHUNK=module.CHUNK,
        )  # fmt: skip
        if not any(ctx.needs_input_grad[1:3]):
            return of_latent, None, None, None, None, None
        # Eq. 7 prints a plus for W_n; the chain rule gives a minus (gradients.py).
        of_scales = latent.new_empty(2, len(segments.counts))
        launch(module.gather_segments, len(segments.counts),
            sums, segments.table, of_scales, 1.0 if method.scale_gradient == "as_printed" else -1.0,
            MEAN=method.scale_gradient == "mean", PARTS=module.PARTS,
        )  # fmt: skip
        return of_latent, of_scales[0], of_scales[1], None, None, None


def _settled(latent: Tensor, rule: Rule, segments: Segments) -> tuple[Tensor, Tensor, Tensor]:
    """Return each segment's threshold, what latent weights are divided by, and its scale [S]."""
    thresholds, divisors, means = _settle(latent, None, rule, segments)
    if rule.held is not None:
        thresholds = rule.held
    if rule.method.levels == "three" and rule.method.scales == "mean_magnitude":
        means = _settle(latent, thresholds, rule, segments)[2]
    return thresholds, divisors, means


def _settle(latent: Tensor, bounds: Tensor | None, rule: Rule, segments: Segments) -> Tensor:
    """Return thresholds by the rule's name, divisors and means [3, S], each where it is needed.

    With ``bounds``, thresholds that are known, these are not computed; the means are of magnitudes
    beyond them.
    """
    name, is_binary = rule.name if bounds is None else "", rule.method.levels == "two"
    by_mean = rule.method.scales == "mean_magnitude" and (is_binary or bounds is not None)
    module, chunks, number = _kernels(), len(segments.chunks), len(segments.counts)
    measured, settled = latent.new_empty(chunks, 3), latent.new_empty(3, number)
    is_measured = by_mean or rule.is_normalised or name in BY_CHUNKS
    if is_measured:
        launch(
            module.measure_chunks, chunks, latent, bounds, segments.chunks, measured,
            BOUNDED=bounds is not None, CHUNK=module.CHUNK,
        )  # fmt: skip
    counts, states = None, None
    if name == "constant_sparsity":
        segments.set_ranks(rule.number)
        counts, states = segments.count_digits(latent)
    if is_measured or name:
        launch(
            module.settle_segments, number, measured, segments.table, segments.ranks, counts,
            states, rule.number, settled[0], settled[1], settled[2], RULE=name,
            MEASURED=is_measured, NORMALISED=rule.is_normalised, PARTS=module.PARTS,
            DIGITS=module.DIGITS,
        )  # fmt: skip
    return settled
