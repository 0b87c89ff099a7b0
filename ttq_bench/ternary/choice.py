"""Which layers of a network are quantized, which cannot be, and which weights stay as they are."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize

from ttq_bench.batch_norm import WEIGHTED, batch_norm_feeding
from ttq_bench.errors import TtqBenchError
from ttq_bench.ternary.quantizers import Quantizer

KINDS = ", ".join(kind.__name__ for kind in WEIGHTED)  # of layers that can be converted
SHOWN = 5
MATRIX_DIMENSIONS = 2  # at least; biases and the weights of normalisations have one


def layers_to_quantize(
    model: nn.Module, *, keep_first: bool = True, keep_last: bool = True, keep: Sequence[str] = ()
) -> list[str]:
    """Return the layers to convert in the order of use, or of registration if that is not known.

    Raises ``TtqBenchError`` if there is none, or one of them cannot be converted.
    """
    names = [name for name, module in model.named_modules() if isinstance(module, WEIGHTED)]
    used = list(batch_norm_feeding(model))
    if set(names) <= set(used):
        names.sort(key=used.index)
    converted = [name for name, layer in model.named_modules() if own_quantizer(layer) is not None]
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
    for name in chosen:
        if reason := _why_not(model.get_submodule(name)):
            raise TtqBenchError(f"quantize_: {reason.format(layer=f'layer {name!r}')}")
    if isinstance(model, torch.jit.ScriptModule):
        raise TtqBenchError(
            "quantize_: a scripted model cannot be converted; convert the plain one, freeze_ it,"
            " then script it"
        )
    if not names:
        raise TtqBenchError(f"quantize_: the model has none of the layers to convert ({KINDS})")
    if not chosen:
        raise TtqBenchError(
            f"quantize_: of {len(names)} weighted layers there is none to convert; the first and"
            " the last one stay full precision unless keep_first=False, keep_last=False"
        )
    return chosen


def _why_not(layer: nn.Module) -> str | None:
    """Return why a layer cannot be converted, as a sentence about ``{layer}``, and what to do."""
    if parametrize.is_parametrized(layer, "weight"):
        return (
            "the weights of {layer} have a parametrization of their own; remove it first, or name"
            " the layer in keep"
        )
    weight = layer._parameters.get("weight")
    if weight is None:
        return (
            "the weights of {layer} are computed from other parameters (pruned?); make them"
            " parameters first, say by torch.nn.utils.prune.remove, or name the layer in keep"
        )
    if isinstance(weight, UninitializedParameter):
        return "{layer} has no weights yet; call the model once first, or name the layer in keep"
    if not weight.numel():
        return f"{{layer}} has no weights (its shape is {tuple(weight.shape)}); name it in keep"
    if not weight.is_floating_point():
        return f"the weights of {{layer}} are {weight.dtype}, not real numbers; name it in keep"
    if type(weight) is not nn.Parameter:
        return (
            f"the weights of {{layer}} are of type {type(weight).__name__}; convert the model"
            " before it is sharded or wrapped"
        )
    return None


def own_quantizer(layer: nn.Module) -> Quantizer | None:
    """Return a converted layer's quantizer, None for other layers."""
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    first = layer.parametrizations["weight"][0]  # type: ignore[index]
    return first if isinstance(first, Quantizer) else None


def what_was_left(model: nn.Module) -> str:
    """Return a sentence on matrices that are no weights of ``KINDS``; an empty text without any.

    Layers that ``keep_first``, ``keep_last`` and ``keep`` name are not listed: they were asked for.
    """
    names = [
        f"{name}.{own} ({type(module).__name__})".lstrip(".")
        for name, module in model.named_modules()
        if not isinstance(module, (Quantizer, parametrize.ParametrizationList))
        for own, parameter in module.named_parameters(recurse=False)
        if (isinstance(parameter, UninitializedParameter) or parameter.ndim >= MATRIX_DIMENSIONS)
        and not (isinstance(module, WEIGHTED) and own in ("weight", "bias"))
    ]
    if not names:
        return ""
    return f"left in full precision: {first_of(names)}; weights of {KINDS} alone are quantized"


def first_of(names: Sequence[str]) -> str:
    """Return the first names and how many there are besides, for a sentence."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def shared_weights(model: nn.Module) -> str:
    """Return a sentence on latent weights that another module uses; an empty text without any."""
    latents = {
        id(parameter): name.removesuffix(".parametrizations.weight")
        for name, module in model.named_modules()
        if isinstance(module, parametrize.ParametrizationList)
        for parameter in module.parameters(recurse=False)
    }
    uses = [
        f"{latents[id(parameter)]} (in {name or 'the model itself'})"
        for name, module in model.named_modules()
        if not isinstance(module, parametrize.ParametrizationList)
        for parameter in module.parameters(recurse=False)
        if id(parameter) in latents
    ]
    if not uses:
        return ""
    return f"not quantized where another module uses them: the weights of {', '.join(uses)}"
