"""Table ``PROTOCOLS``: names that stand for a published or fixed way to train, and what they fix.

A suite that says ``protocol: paper`` has to train as ``paper`` says, so that no table can mix ways
silently; any other name is free. Sources: [P] the paper, [C] the released code and logs, [H] He et
al. 2015, [M] recalled and not verified; see ``suites/cifar.yaml`` for the values in use.
To add a protocol: add a line here, and a profile that follows it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Protocol:
    """Values by their place in a suite; ``families`` are the network families it is meant for."""

    source: str
    families: tuple[str, ...]
    fixed: Mapping[str, object] = field(default_factory=dict)


_PARENT, _CHILD = "training.full_precision", "training.fine_tuned"

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "paper": Protocol(
            "Zhu et al. 2017; parents as He et al. 2015",
            ("cifar_resnet",),
            {
                "conversion.keep_first": True,
                "conversion.keep_last": True,
                "conversion.normalise_latent": "max",
                "conversion.initial_scales": "ones",
                f"{_PARENT}.decay_epochs": [91, 137],
                f"{_PARENT}.epochs": 182,
                f"{_CHILD}.decay_epochs": [80, 120, 300],
                f"{_CHILD}.epochs": 400,
            },
        ),
        "released": Protocol(
            "github.com/czhu95/ternarynet at 1a67251, and its logs",
            ("preact_resnet",),
            {
                "conversion.keep_first": True,
                "conversion.keep_last": False,
                "conversion.normalise_latent": False,
                "conversion.initial_scales": "ones",
                **{
                    f"{recipe}.{name}": value
                    for recipe in (_PARENT, _CHILD)
                    for name, value in {
                        "epochs": 800,
                        "batch_size": 256,
                        "decay_epochs": [164, 246, 600],
                        "decay_factors": [0.1, 0.1, 0.2],
                        "weight_decay": 2e-4,
                        "decay_scales": True,
                    }.items()
                },
            },
        ),
        "modern": Protocol(
            "this suite: a short schedule of today",
            ("cifar_resnet",),
            {
                "conversion.keep_first": True,
                "conversion.keep_last": True,
                "conversion.normalise_latent": False,
                f"{_PARENT}.schedule": "cosine",
                f"{_PARENT}.epochs": 40,
                f"{_CHILD}.schedule": "cosine",
                f"{_CHILD}.epochs": 20,
            },
        ),
    }
)


def deviations(name: str, suite: Mapping[str, Any]) -> Iterator[str]:
    """Yield, for each value of ``suite`` (as plain JSON) that a protocol fixes otherwise, why."""
    protocol = PROTOCOLS.get(name)
    for path, fixed in protocol.fixed.items() if protocol else ():
        given: Any = suite
        for part in path.split("."):
            given = given[part]
        if given != fixed:
            yield f"{path}: protocol {name!r} has {_yaml(fixed)}, got {_yaml(given)}"


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
