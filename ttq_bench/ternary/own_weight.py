"""``layer.weight`` of a converted layer: reading gives quantized weights, writing sets latent ones.

Quantized weights are computed anew at each use, so whatever is written into them would be lost
silently: ``nn.init.normal_(layer.weight)``, ``layer.reset_parameters()``,
``layer.weight.data.fill_(0)``. As in a layer that is not converted, such writes reach the
parameter: the latent weights. While the layer itself is called, ``weight`` is a plain tensor.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ttq_bench.errors import TtqBenchError
from ttq_bench.ternary.first_steps import begin_anew, is_looked_at, is_torchs_own
from ttq_bench.ternary.quantizers import Quantizer

WEIGHT = "weight"
# Names of what writes into a tensor, besides methods whose names end in an underscore.
WRITES = {
    "__setitem__", "__set__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__ifloordiv__",
    "__ipow__", "__imod__", "__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__",
}  # fmt: skip
_calls = threading.local()


def register_quantizer(layer: nn.Module, quantizer: Quantizer) -> None:
    """Make ``quantizer`` a parametrization of the layer's weights."""
    parametrize.register_parametrization(layer, WEIGHT, quantizer)
    made: Any = type(layer)  # torch makes a class for each parametrized layer
    plain, read = made.__bases__[0], vars(made)[WEIGHT].fget

    def weight(self: nn.Module) -> Tensor:
        check_alone(self)
        value: Tensor = read(self)
        is_own = getattr(_calls, "layer", None) is self
        if is_own or type(value) is not Tensor or is_looked_at():
            return value
        return QuantizedWeight.of(value, latent_in(self))

    def set_attribute(self: nn.Module, name: str, value: Any) -> None:
        if name == WEIGHT and parametrize.is_parametrized(self, WEIGHT):
            _assign(self, value)
        else:
            plain.__setattr__(self, name, value)

    def forward(self: nn.Module, *inputs: Any, **options: Any) -> Any:
        if is_looked_at():
            return plain.forward(self, *inputs, **options)
        before = getattr(_calls, "layer", None)
        _calls.layer = self
        try:
            return plain.forward(self, *inputs, **options)
        finally:
            _calls.layer = before

    def reset_parameters(self: nn.Module, *given: Any, **options: Any) -> Any:
        return _restart(self, plain, *given, **options)

    made.plain_class = plain
    if hasattr(plain, "reset_parameters"):
        made.reset_parameters = reset_parameters
    made.weight = property(weight, _assign)
    made.__setattr__ = set_attribute
    made.forward = forward


def _assign(layer: nn.Module, value: Tensor) -> None:
    kind = layer.plain_class.__name__  # type: ignore[union-attr]
    latent = latent_in(layer)
    if not isinstance(value, Tensor) or value.shape != latent.shape:
        given = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise TtqBenchError(
            f"weight of a quantized {kind}: expected a tensor of shape"
            f" {tuple(latent.shape)}, which becomes its latent weights; got {given}"
        )
    is_new = isinstance(value, nn.Parameter) and value is not latent
    if is_new and not layer.training:  # as torch folds batch normalisation into a layer
        raise TtqBenchError(
            f"weight of a quantized {kind} in evaluation mode: takes no parameter in its place,"
            " which would become its latent weights; freeze_ the model before, or write latent"
            " weights as a plain tensor"
        )
    with torch.no_grad():
        latent.copy_(value)
    begin_anew(layer.parametrizations[WEIGHT][0])  # type: ignore[index,arg-type]


def _restart(layer: nn.Module, plain: Any, *given: Any, **options: Any) -> Any:
    """Give latent weights their first values, as the plain layer does, and scales that fit them."""
    quantizer: Any = layer.parametrizations[WEIGHT][0]  # type: ignore[index]
    latent = latent_in(layer)
    if not is_torchs_own(latent):
        raise TtqBenchError(
            f"reset_parameters of a quantized {plain.__name__}: its latent weights are sharded"
            f" ({type(latent).__name__}); initialise the model before it is sharded"
        )
    begin_anew(quantizer)
    done = plain.reset_parameters(layer, *given, **options)
    quantizer.hold_threshold(latent)
    quantizer.set_initial_scales(latent, quantizer.initial_scales)
    begin_anew(quantizer)
    return done


def check_alone(layer: nn.Module) -> None:
    """Raise ``TtqBenchError`` where another parametrization was put behind the quantizer."""
    parametrizations: Any = layer.parametrizations[WEIGHT]  # type: ignore[index]
    if len(parametrizations) > 1:
        kind = layer.plain_class.__name__  # type: ignore[union-attr]
        other = type(parametrizations[1]).__name__
        raise TtqBenchError(
            f"weight of a quantized {kind}: {other} was put behind the quantizer, so that the"
            " weights are not ternary; take it off (del layer.parametrizations.weight[1:]), or"
            " freeze_ the model before"
        )


def latent_in(layer: nn.Module) -> Tensor:
    """Return the latent weights of a layer that is known to be converted."""
    latent: Tensor = layer.parametrizations[WEIGHT].original  # type: ignore[index,union-attr]
    return latent


class QuantizedWeight(Tensor):
    """The quantized weights, or a view of them, with the latent weights that take what is written.

    All else is done with the plain tensor and gives plain tensors.
    """

    plain: Tensor
    latent: Tensor

    @classmethod
    def of(cls, plain: Tensor, latent: Tensor) -> Tensor:
        """Return ``plain`` with the place that writes to it go to."""
        made = plain.as_subclass(cls)
        made.plain, made.latent = plain, latent
        return made

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func`` with plain tensors, or with latent weights where it writes into these."""
        options = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in WRITES or (name.endswith("_") and not name.endswith("__")):
            target = next(iter((*args, *options.values())), None)
            several = target if isinstance(target, list | tuple) else [target]  # torch._foreach_...
            is_latent = {id(one) for one in several if isinstance(one, cls)}
            if is_latent:  # else it is read, and another tensor is written
                return func(*_given(args, is_latent), **_given(options, is_latent))
        is_latent = {id(options.get("out"))}
        answer = func(*_given(args, is_latent), **_given(options, is_latent))
        if name in ("numpy", "__array__"):
            answer.flags.writeable = False  # writes to the array would reach no latent weight
            return answer
        source = next((x for x in args if isinstance(x, cls)), None)
        if source is None or not _is_view(answer, source.plain):
            return answer
        every = {id(x) for x in (*args, *options.values())}
        latents = func(*_given(args, every), **_given(options, every))
        if isinstance(answer, Tensor):
            return cls.of(answer, latents)
        return tuple(cls.of(*pair) for pair in zip(answer, latents, strict=True))


def _given(values: Any, is_latent: set[int]) -> Any:
    """Return arguments with a plain tensor in place of each ``QuantizedWeight``.

    It is that of the latent weights for those whose ``id`` is in ``is_latent``.
    """
    if isinstance(values, QuantizedWeight):
        return values.latent if id(values) in is_latent else values.plain
    if isinstance(values, dict):
        return {name: _given(value, is_latent) for name, value in values.items()}
    if type(values) in {list, tuple}:
        return type(values)(_given(value, is_latent) for value in values)
    return values


def _is_view(answer: Any, plain: Tensor) -> bool:
    """Return whether an answer, one tensor or several, shares the memory of ``plain``."""
    several = [answer] if isinstance(answer, Tensor) else answer
    if not isinstance(several, list | tuple) or not several:
        return False
    place = plain.untyped_storage().data_ptr()
    return all(
        isinstance(one, Tensor) and one.untyped_storage().data_ptr() == place for one in several
    )
