"""Table ``PROTOCOLS``: names that stand for a published or fixed way to train, and all they fix.

A suite that says ``protocol: paper`` has to train as ``paper`` says in every value, so that no
table can mix ways silently; any other name is free. Free under a protocol are datasets, methods,
delta strategies and seeds, which every table shows. Sources: [P] the paper, [C] the released code
and logs, [H] He et al. 2015, [M] recalled and not verified, [?] stated nowhere, our choice.
To add a protocol: add an entry, and a profile that follows it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel

from ttq_bench.spec.trial import Conversion
from ttq_bench.suite.wording import as_yaml
from ttq_bench.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Protocol:
    """Both recipes, the conversion and the start; ``families`` are the networks it is meant for."""

    source: str
    families: tuple[str, ...]
    full_precision: Recipe
    fine_tuned: Recipe
    conversion: Conversion
    start: Literal["parent", "scratch"] = "parent"


_HE = Recipe(  # [H]: 64,000 steps of 128 images, rate divided at 32,000 and 48,000; [?] precision
    epochs=182, decay_epochs=(91, 137), batch_size=128, learning_rate=0.1, momentum=0.9,
    weight_decay=1e-4, precision="fp32",
)  # fmt: skip
_RELEASED = Recipe(  # [C]; 400 of its epochs, 390 steps of 256 images: two passes over the data
    epochs=800, decay_epochs=(164, 246, 600), decay_factors=(0.1, 0.1, 0.2), batch_size=256,
    micro_batches=2, learning_rate=0.1, momentum=0.9, weight_decay=2e-4, decay_on="weights",
    decay_scales=True, precision="fp32",
)  # fmt: skip
_MODERN = Recipe(
    epochs=40, schedule="cosine", warmup_epochs=1.0, nesterov=True, batch_size=128,
    learning_rate=0.1, weight_decay=5e-4,
)  # fmt: skip
_ALEXNET = Recipe(  # [P] batch, Adam and its steps; [C]; bf16 in place of fp32 is our choice
    epochs=80, decay_epochs=(56, 64), decay_factor=0.2, batch_size=128, optimizer="adam",
    learning_rate=1e-4, adam_epsilon=1e-5, weight_decay=5e-6, decay_on="dense",
    augmentation="scaled_crop_flip",
)  # fmt: skip

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "paper": Protocol(
            "Zhu et al. 2017; parents as He et al. 2015",
            ("cifar_resnet",),
            _HE,
            _HE.model_copy(  # [M] steps and weight decay, which is that of [C] too
                update={"epochs": 400, "decay_epochs": (80, 120, 300), "weight_decay": 2e-4}
            ),
            Conversion(normalise_latent="max"),  # [P]
        ),
        "released": Protocol(
            "github.com/czhu95/ternarynet at 1a67251, and its logs",
            ("preact_resnet",),
            _RELEASED,
            _RELEASED,
            Conversion(keep_last=False),
        ),
        "modern": Protocol(
            "this suite: a short schedule of today",
            ("cifar_resnet",),
            _MODERN,
            _MODERN.model_copy(update={"epochs": 20, "learning_rate": 0.05, "warmup_epochs": 0.0}),
            Conversion(),
        ),
        "alexnet": Protocol(
            "Zhu et al. 2017, and the released tw-imagenet-alexnet.py",
            ("alexnet",),
            _ALEXNET,
            _ALEXNET,
            Conversion(),
            start="scratch",
        ),
    }
)


def deviations(
    name: str, training: Mapping[str, Recipe], conversion: Conversion, start: str
) -> Iterator[str]:
    """Yield, for each value that is not the protocol's, its field, the protocol's value and it."""
    protocol = PROTOCOLS.get(name)
    if protocol is None:
        return
    if start != protocol.start:
        yield f"start: protocol {name!r} has {protocol.start}, got {start}"
    parts: tuple[tuple[str, BaseModel, BaseModel], ...] = (
        ("training.full_precision", protocol.full_precision, training["full_precision"]),
        ("training.fine_tuned", protocol.fine_tuned, training["fine_tuned"]),
        ("conversion", protocol.conversion, conversion),
    )
    for place, fixed, given in parts:
        values = given.model_dump(mode="json")
        for field, value in fixed.model_dump(mode="json").items():
            if values[field] != value:
                yield (
                    f"{place}.{field}: protocol {name!r} has {as_yaml(value)},"
                    f" got {as_yaml(values[field])}"
                )
