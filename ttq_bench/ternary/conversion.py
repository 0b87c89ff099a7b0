"""Which layers are quantized, and how to reach what their parametrizations hold."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn.utils import parametrize

from ttq_bench.batch_norm import WEIGHTED, batch_norm_feeding
from ttq_bench.errors import TtqBenchError, unknown_name
from ttq_bench.ternary.methods import METHODS, Granularity
from ttq_bench.ternary.quantizers import InitialScales, Normalisation, Quantizer
from ttq_bench.ternary.strategies import DeltaStrategy
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
    tanh at each forward pass; methods whose scales are mean magnitudes have no such step. Raises
    ``TtqBenchError`` for unknown names, a number out of range, a model that is converted already,
    or one without a layer to convert. Strategies that move or hold need ``set_epoch_``.
    """
    if method not in METHODS:
        raise unknown_name("quantize_", "method", method, METHODS)
    chosen = METHODS[method]
    if not chosen.is_quantized:
        return model
    strategy = chosen.strategy or (strategy if chosen.takes_strategy else None)
    if strategy is not None:
        check_strategy("quantize_", strategy)
    elif chosen.takes_strategy:
        raise TtqBenchError(f"quantize_: method {method!r} needs a delta strategy, got None")
    for option, given, allowed in (
        ("initial_scales", initial_scales, get_args(InitialScales)),
        ("granularity", granularity, ("published", *get_args(Granularity))),
        ("normalise_latent", normalise_latent, get_args(Normalisation)),
    ):
        if given not in allowed:
            raise unknown_name("quantize_", option, str(given), allowed)
    names = layers_to_quantize(model, keep_first=keep_first, keep_last=keep_last, keep=keep)
    if chosen.scales == "mean_magnitude":
        normalise_latent = False
    shared: Granularity = chosen.granularity if granularity == "published" else granularity
    feeds = batch_norm_feeding(model, by_channel=shared == "channel")
    for name in names:
        layer = model.get_submodule(name)
        latent = layer.get_parameter("weight").detach()
        quantizer = Quantizer(
            chosen, strategy, latent, granularity=shared,
            normalise_latent=normalise_latent, feeds_batch_norm=feeds.get(name, "unknown"),
        )  # fmt: skip
        quantizer.set_initial_scales(latent, initial_scales)
        parametrize.register_parametrization(layer, "weight", quantizer)
    return model


def layers_to_quantize(
    model: nn.Module, *, keep_first: bool = True, keep_last: bool = True, keep: Sequence[str] = ()
) -> list[str]:
    """Return the layers to convert in the order of use, or of registration if that is not known."""
    names = [name for name, module in model.named_modules() if isinstance(module, WEIGHTED)]
    used = list(batch_norm_feeding(model))
    if set(names) <= set(used):
        names.sort(key=used.index)
    converted = [name for name, _ in quantized_layers(model)]
    if converted:
        raise TtqBenchError(f"quantize_: layer {converted[0]!r} of the model is converted already")
    keep = (keep,) if isinstance(keep, str) else keep
    for pattern in keep:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise TtqBenchError(f"quantize_: keep: {pattern!r} matches no layer of {names}")
    chosen = [
        name
        for name in names[int(keep_first) : len(names) - int(keep_last)]
        if not any(fnmatchcase(name, pattern) for pattern in keep)
    ]
    foreign = [n for n in chosen if parametrize.is_parametrized(model.get_submodule(n), "weight")]
    if foreign:
        raise TtqBenchError(
            f"quantize_: the weights of layer {foreign[0]!r} have a parametrization of their own;"
            " remove it first, or name the layer in keep"
        )
    if not chosen:
        raise TtqBenchError(
            f"quantize_: of {len(names)} weighted layers there is none to convert; the first and"
            " the last one stay full precision unless keep_first=False, keep_last=False"
        )
    return chosen


def quantized_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return name and module of each converted layer, in the order in which they are registered."""
    return [
        (name, module) for name, module in model.named_modules() if _quantizer(module) is not None
    ]


def quantizer_of(layer: nn.Module) -> Quantizer:
    """Return the quantizer that owns a converted layer's scales; ``TtqBenchError`` for others."""
    quantizer = _quantizer(layer)
    if quantizer is None:
        raise TtqBenchError(
            f"{type(layer).__name__} is not quantized: quantized_layers(model) names those that"
            " quantize_ has converted"
        )
    return quantizer


def _quantizer(layer: nn.Module) -> Quantizer | None:
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    first = layer.parametrizations["weight"][0]  # type: ignore[index]
    return first if isinstance(first, Quantizer) else None


def latent_of(layer: nn.Module) -> Tensor:
    """Return a converted layer's latent weights; ``TtqBenchError`` for another layer."""
    quantizer_of(layer)
    latent: Tensor = layer.parametrizations["weight"].original  # type: ignore[index,union-attr]
    return latent


def set_epoch_(model: nn.Module, epoch: float, *, begins: bool = False) -> None:
    """Tell every delta strategy how many epochs are done; ``begins`` renews held thresholds."""
    for _, layer in quantized_layers(model):
        quantizer = quantizer_of(layer)
        if quantizer.strategy is not None:
            quantizer.number = quantizer.strategy.number_at(epoch)
        if begins:
            quantizer.hold_threshold(latent_of(layer))
