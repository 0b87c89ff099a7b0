"""Converting a network in place, and how to reach what its parametrizations hold."""

import warnings
from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from ttq_bench.batch_norm import batch_norm_feeding
from ttq_bench.errors import QuantizationWarning, TtqBenchError, unknown_name
from ttq_bench.ternary.choice import (
    layers_to_quantize,
    own_quantizer,
    shared_weights,
    what_was_left,
)
from ttq_bench.ternary.first_size import oversized
from ttq_bench.ternary.first_steps import FirstSteps
from ttq_bench.ternary.methods import METHODS, Granularity, Method
from ttq_bench.ternary.own_weight import latent_in, register_quantizer
from ttq_bench.ternary.quantizers import InitialScales, Normalisation, Quantizer
from ttq_bench.ternary.strategies import DeltaStrategy, is_number
from ttq_bench.ternary.thresholds import check_strategy

PAPER_STRATEGY = DeltaStrategy("max_fraction", 0.05)


def quantize_(
    model: nn.Module,
    method: str,
    strategy: DeltaStrategy | None = PAPER_STRATEGY,
    *,
    keep_first: bool = True,
    keep_last: bool = True,
    keep: Sequence[str] = (),
    granularity: Literal["published"] | Granularity = "published",
    initial_scales: InitialScales = "ones",
    normalise_latent: Normalisation = False,
) -> nn.Module:
    """Quantize the weights of the chosen layers, in place, and return ``model``.

    Afterwards ``module.weight`` is the quantized tensor; ``latent_of(module)`` is the latent one,
    ``quantizer_of(module)`` owns the scales. ``strategy`` is ignored by methods that have their own
    or no threshold. The first and last weighted layer stay full precision unless told otherwise,
    as do layers whose name matches a pattern of ``keep`` (``*`` and ``?`` as in file names).
    ``granularity``: one threshold and pair of scales a layer or an output channel, or as published.
    ``normalise_latent`` divides latent weights by their largest magnitude (``max``) or takes their
    tanh at each forward pass; methods whose scales are mean magnitudes have no such step.

    Make the optimizer afterwards: it has to have the scales. Strategies whose number moves, or
    whose threshold is held for an epoch, need ``set_epoch_``.

    Raises ``TtqBenchError``, and converts nothing, for unknown names, a number out of range, a
    model that is converted already, and a layer that cannot be. Warns (``QuantizationWarning``) of
    matrices that stay in full precision, and of layers whose first weights are so large that the
    network may not learn.
    """
    _check_types(
        model, method=method, strategy=strategy, keep=keep, keep_first=keep_first,
        keep_last=keep_last,
    )  # fmt: skip
    if method not in METHODS:
        raise unknown_name("quantize_", "method", method, METHODS)
    chosen = METHODS[method]
    if not chosen.is_quantized:
        return model
    strategy = _strategy_for(method, strategy)
    for option, given, allowed in (
        ("initial_scales", initial_scales, get_args(InitialScales)),
        ("granularity", granularity, ("published", *get_args(Granularity))),
        ("normalise_latent", normalise_latent, get_args(Normalisation)),
    ):
        if not isinstance(given, str | bool) or given not in allowed:
            raise unknown_name("quantize_", option, str(given), allowed)
    quantizers = _new_quantizers(
        model,
        layers_to_quantize(model, keep_first=keep_first, keep_last=keep_last, keep=keep),
        chosen,
        strategy,
        granularity=chosen.granularity if granularity == "published" else granularity,
        initial_scales=initial_scales,
        normalise_latent=False if chosen.scales == "mean_magnitude" else normalise_latent,
    )
    sentences = [what_was_left(model), *oversized(model, quantizers)]
    watch = FirstSteps()
    for name, quantizer in quantizers.items():
        register_quantizer(model.get_submodule(name), quantizer)
        quantizer.watch = watch
    sentences.append(shared_weights(model))
    for sentence in filter(None, sentences):
        warnings.warn(f"quantize_: {sentence}", QuantizationWarning, stacklevel=2)
    return model


def _new_quantizers(
    model: nn.Module,
    names: Sequence[str],
    method: Method,
    strategy: DeltaStrategy | None,
    *,
    granularity: Granularity,
    initial_scales: InitialScales,
    normalise_latent: Normalisation,
) -> dict[str, Quantizer]:
    """Return a quantizer for each of the layers; those that share their weights share one."""
    feeds = batch_norm_feeding(model, by_channel=granularity == "channel")
    quantizers: dict[str, Quantizer] = {}
    first_name: dict[int, str] = {}
    for name in names:
        weight = model.get_submodule(name).get_parameter("weight")
        first = first_name.setdefault(id(weight), name)
        if first != name:
            quantizers[name] = quantizers[first]
            if feeds.get(name) != feeds.get(first):
                quantizers[first].feeds_batch_norm = "unknown"
            continue
        latent = weight.detach()
        quantizers[name] = Quantizer(
            method, strategy, latent, granularity=granularity,
            normalise_latent=normalise_latent, feeds_batch_norm=feeds.get(name, "unknown"),
        )  # fmt: skip
        quantizers[name].set_initial_scales(latent, initial_scales)
        quantizers[name].requires_grad_(weight.requires_grad)  # a frozen layer stays frozen
    return quantizers


def _strategy_for(method: str, given: DeltaStrategy | None) -> DeltaStrategy | None:
    """Return the delta strategy of a method: its own, the one given, or none where it has none."""
    chosen = METHODS[method]
    strategy = chosen.strategy or (given if chosen.takes_strategy else None)
    if strategy is not None:
        check_strategy("quantize_", strategy)
    elif chosen.takes_strategy:
        raise TtqBenchError(f"quantize_: method {method!r} needs a delta strategy, got None")
    return strategy


def _check_types(model: object, **options: object) -> None:
    """Raise ``TtqBenchError`` for an argument of another type than its own."""
    keep = options["keep"]
    problems = (
        (not isinstance(model, nn.Module), "a network (nn.Module)", model),
        (not isinstance(options["method"], str), "the name of a method", options["method"]),
        (
            not isinstance(options["strategy"], DeltaStrategy | None),
            "a delta strategy, such as DeltaStrategy('max_fraction', 0.05)",
            options["strategy"],
        ),
        (
            not isinstance(keep, Sequence) or not all(isinstance(k, str) for k in keep),
            "keep=, the names or patterns of layers",
            keep,
        ),
        *(
            (not isinstance(options[name], bool), f"{name}=True or False", options[name])
            for name in ("keep_first", "keep_last")
        ),
    )
    for is_wrong, expected, given in problems:
        if is_wrong:
            raise _wrong_type(f"quantize_: expected {expected}", given)


def _wrong_type(expected: str, given: object) -> TtqBenchError:
    return TtqBenchError(f"{expected}; got {given!r:.60} ({type(given).__name__})")


def quantized_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return name and module of each converted layer, in the order in which they are registered.

    Raises ``TtqBenchError`` for what is no network.
    """
    given: object = model
    if not isinstance(given, nn.Module):
        raise _wrong_type("expected a network (nn.Module)", given)
    return [
        (name, module)
        for name, module in model.named_modules()
        if own_quantizer(module) is not None
    ]


def quantizer_of(layer: nn.Module) -> Quantizer:
    """Return the quantizer that owns a converted layer's scales; ``TtqBenchError`` for others."""
    quantizer = own_quantizer(layer)
    if quantizer is None:
        raise TtqBenchError(
            f"{type(layer).__name__} is not quantized: quantized_layers(model) names those that"
            " quantize_ has converted"
        )
    return quantizer


def latent_of(layer: nn.Module) -> Tensor:
    """Return a converted layer's latent weights; ``TtqBenchError`` for another layer."""
    quantizer_of(layer)
    return latent_in(layer)


def set_epoch_(model: nn.Module, epoch: float, *, begins: bool = False) -> None:
    """Tell every delta strategy how many epochs are done; ``begins`` renews held thresholds."""
    if not is_number(epoch) or not epoch >= 0:
        raise TtqBenchError(
            f"set_epoch_: expected a number of epochs, at least 0; got {epoch!r:.60}"
        )
    if not isinstance(begins, bool):
        raise _wrong_type("set_epoch_: expected begins=True or False", begins)
    for _, layer in quantized_layers(model):
        quantizer = quantizer_of(layer)
        quantizer.knows_epoch = True
        if quantizer.strategy is not None:
            quantizer.number = quantizer.strategy.number_at(epoch)
        if begins:
            quantizer.hold_threshold(latent_of(layer))
