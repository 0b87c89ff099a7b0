"""The module that owns the scales of one layer and its threshold rule.

It is a torch parametrization: ``forward`` maps the latent weights (``.original``) to the weights
that the layer uses, as its ``Method`` says, a line of ``METHODS``.
"""

import threading
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from ttq_bench.batch_norm import FedAnswer
from ttq_bench.ternary.first_steps import FirstSteps, begin_anew, is_looked_at, listen, look
from ttq_bench.ternary.gradients import Pair, binary_sets, codes_of, quantized, ternary_sets
from ttq_bench.ternary.methods import Granularity, Method
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.thresholds import THRESHOLDS

SCALE_NAMES = ("positive_scale", "negative_scale")
InitialScales = Literal["ones", "least_squares"]
Normalisation = Literal[False, "max", "tanh"]


class Quantizer(nn.Module):
    """Scales and threshold of one layer: weights are +W_p, 0 or -W_n.

    ``positive_scale`` and ``negative_scale`` are parameters where the method learns them (one and
    the same for a tied pair), buffers of ones where it has none, and None where they follow from
    the latent weights. A layer's are of shape [1]: FSDP takes no parameter without dimensions.
    ``feeds_batch_norm`` is ``yes``, ``no`` or ``unknown``: where it is ``yes``, only the ratio of
    the scales has an effect on the network's function.
    """

    def __init__(
        self,
        method: Method,
        strategy: DeltaStrategy | None,
        latent: Tensor,
        *,
        granularity: Granularity = "layer",
        normalise_latent: Normalisation = False,
        feeds_batch_norm: FedAnswer = "unknown",
    ) -> None:
        super().__init__()
        self.method = method
        self.strategy = strategy
        self.normalise_latent = normalise_latent
        self.feeds_batch_norm = feeds_batch_norm
        self.shared = tuple(range(1, latent.ndim)) if granularity == "channel" else None
        self.number = strategy.number_at(0.0) if strategy else 0.0
        self.initial_scales: InitialScales = "ones"
        # Set by ``fused/rows.py`` while a thread calls the network: latent weights, what they are
        # quantized to, and under which hooks.
        self.prepared: dict[int, tuple[Tensor, Tensor, object]] = {}
        # For the warnings of ``first_steps.py``.
        self.watch: FirstSteps | None = None
        self.first_values: tuple[Tensor, ...] | None = None
        self.knows_epoch = self.was_loaded = self.was_differentiated = False
        shape = (len(latent), *(1 for _ in self.shared)) if self.shared else ()
        ones = torch.ones(shape or (1,), device=latent.device)
        self.held_threshold: Tensor | None
        held = strategy is not None and strategy.update == "epoch"
        wide = torch.promote_types(latent.dtype, torch.float32)
        zeros = torch.zeros(shape, device=latent.device, dtype=wide)
        self.register_buffer("held_threshold", zeros if held else None)
        self.positive_scale: Tensor | None
        self.negative_scale: Tensor | None
        if method.scales.startswith("learned"):
            self.positive_scale = nn.Parameter(ones)
            self.negative_scale = nn.Parameter(ones.clone())
            self._tie()
        else:
            fixed = ones if method.scales == "ones" else None
            self.register_buffer("positive_scale", fixed)
            self.register_buffer("negative_scale", fixed)
        self.hold_threshold(latent)

    @property
    def scales(self) -> Pair | None:
        """Return W_p and W_n, twice the same for a tied pair; None where they follow from w~."""
        if self.positive_scale is None or self.negative_scale is None:
            return None
        is_tied = self.method.scales == "learned_one"
        return self.positive_scale, self.positive_scale if is_tied else self.negative_scale

    def _tie(self) -> None:
        """Make both names of a tied pair stand for one parameter."""
        if self.method.scales == "learned_one":
            self.negative_scale = self.positive_scale

    def _apply(self, *args: Any, **options: Any) -> Self:
        # ``to_empty`` and the like may give each name a new parameter.
        applied = super()._apply(*args, **options)  # type: ignore[no-untyped-call]
        self._tie()
        return applied  # type: ignore[no-any-return]

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take scales without dimensions, as older files have them; keep a tied pair tied."""
        errors: list[str] = rest[-1]
        loaded = []
        for name in SCALE_NAMES:
            own, given = getattr(self, name), state.get(prefix + name)
            if isinstance(own, Tensor) and isinstance(given, Tensor):
                if own.numel() == given.numel() == 1:
                    given = state[prefix + name] = given.reshape(own.shape)
                loaded.append(given)
        is_tied = self.method.scales == "learned_one"
        if is_tied and len(loaded) == len(SCALE_NAMES) and not _are_equal(*loaded):
            errors.append(f"{prefix}: has one scale for both signs, and the state has two")
        super()._load_from_state_dict(state, prefix, *rest)
        self._tie()
        begin_anew(self)
        self.was_loaded = True

    def forward(self, latent: Tensor) -> Tensor:
        """Return the quantized weights of ``latent``: same shape, dtype and memory format.

        Rounded for autocast where it is on and a fused network (``fused/rows.py``) is being called.
        """
        if self.watch is None:
            return self._weights(latent)
        look(self, latent, self.watch)
        weights = self._weights(latent)
        listen(self, weights)
        return weights

    def _weights(self, latent: Tensor) -> Tensor:
        if self.prepared and not is_looked_at():
            of, made, hooks = self.prepared.get(threading.get_ident(), (None, latent, None))
            is_wanted = made.dtype == latent.dtype or torch.is_autocast_enabled(latent.device.type)
            # A checkpointed part of the network is computed again after the call, when nothing is
            # prepared; a replica of the network has latent weights of its own.
            if of is latent and is_wanted and hooks == saved_tensors_hooks():
                return made
        return quantized(*self.parts(latent), self.method)

    def parts(self, latent: Tensor) -> tuple[Tensor, Pair, Pair]:
        """Return normalised latent weights, positive and negative set (1 or 0), W_p and W_n."""
        latent = self.normalised(latent)
        binary = self.method.levels == "two"
        sets = binary_sets(latent) if binary else ternary_sets(latent, self.threshold(latent))
        if self.scales is not None:
            return latent, sets, self.scales
        mean = self.mean_magnitude(latent, sets[0] + sets[1])
        return latent, sets, (mean, mean)

    def codes(self, latent: Tensor) -> Tensor:
        """Return -1, 0 or +1 for each latent weight, int8."""
        return codes_of(self.parts(latent)[1])

    def normalised(self, latent: Tensor) -> Tensor:
        """Return the latent weights as the codes see them: as they are, over max, or tanh."""
        if self.normalise_latent == "tanh":
            return latent.tanh()
        if self.normalise_latent == "max":
            largest = latent.detach().abs().amax(self.shared or (), keepdim=bool(self.shared))
            return latent / torch.where(largest > 0, largest, 1.0)  # a layer of zeros stays one
        return latent

    def threshold(self, normalised: Tensor) -> Tensor:
        """Return what normalised latent weights are compared with, 0 without a strategy."""
        if self.strategy is None:
            return normalised.new_zeros(())
        if self.held_threshold is not None:
            return self.held_threshold
        return self._threshold_now(normalised)

    @torch.no_grad()
    def hold_threshold(self, latent: Tensor) -> None:
        """Where the threshold is updated once an epoch: make it follow ``latent`` now."""
        if self.held_threshold is not None:
            self.held_threshold.copy_(self._threshold_now(self.normalised(latent)))

    def _threshold_now(self, normalised: Tensor) -> Tensor:
        assert self.strategy is not None
        return THRESHOLDS[self.strategy.name].threshold(normalised, self.number, self.shared)

    def mean_magnitude(self, latent: Tensor, members: Tensor) -> Tensor:
        """Return the mean magnitude over a set (1 or 0) by layer or channel, 0 over none."""
        wide = torch.promote_types(latent.dtype, torch.float32)
        parts = (latent.detach().abs() * members, members)
        sums = [part.sum(self.shared, keepdim=bool(self.shared), dtype=wide) for part in parts]
        return sums[0] / sums[1].clamp_min(1)

    @torch.no_grad()
    def set_initial_scales(self, latent: Tensor, choice: InitialScales) -> None:
        """Set learned scales to one (as in the paper), or to the values nearest to ``latent``.

        For given codes the squared distance between the quantized and the latent weights is
        smallest when each scale is the mean magnitude over its set; an empty set keeps one. The
        choice is kept for ``layer.reset_parameters()``.
        """
        self.initial_scales = choice
        if not isinstance(self.positive_scale, nn.Parameter):
            return
        _, sets, _ = self.parts(latent)
        if self.method.scales == "learned_one":
            sets = (sets[0] + sets[1], sets[0] + sets[1])
        for scale, members in zip((self.positive_scale, self.negative_scale), sets, strict=True):
            mean = self.mean_magnitude(latent, members)
            nearest = (mean > 0) & (choice == "least_squares")
            scale.copy_(torch.where(nearest, mean, 1.0))  # type: ignore[union-attr]


def saved_tensors_hooks() -> object:
    """Return the hooks for tensors that are saved for a backward pass now, None without any."""
    return torch._C._autograd._top_saved_tensors_default_hooks(False)


def _are_equal(first: Tensor, second: Tensor) -> bool:
    return first.is_meta or second.is_meta or torch.equal(first, second.to(first.device))
