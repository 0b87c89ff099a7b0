"""A trial is a value: all that a suite says of it, and an id made from it."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from ttq_bench.data.catalog import DATASETS, FOLDER, ImagesCard, catalog_name, own_card
from ttq_bench.seeding import stream_seed
from ttq_bench.spec.training_version import TRAINING_VERSION
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.training.recipe import Recipe

FULL_PRECISION = "full_precision"
CONTINUED = "full_precision_continued"  # the control: the parent trained on, without quantization
SPEC_VERSION = 1  # of the meaning of the fields; a record has a version of its own
# Fields that came later, with the value that every trial before them had. They are left out where
# they have it, so that a trial keeps its id and its record when a new field is added.
ADDED_FIELDS: Mapping[str, object] = MappingProxyType(
    {
        "images": None,
        "repeat": 0,
        "recipe.micro_batches": 1,
        "recipe.optimizer": "sgd",
        "recipe.decay_factors": [],
        "recipe.decay_on": "all",
        "recipe.adam_epsilon": 1e-8,
        "quantization.strategy.start": None,
        "quantization.strategy.ramp_epochs": 0.0,
        "quantization.strategy.update": "step",
        "quantization.conversion.keep": [],
        "quantization.conversion.granularity": "published",
    }
)

# Names of layers have letters, digits, points and underscores; patterns are shown in tables.
LayerPattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.*?\[\]!-]+$", max_length=100)]


class Conversion(BaseModel):
    """Which layers become ternary and where they start (see ``ternary/conversion.py``)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    keep_first: bool = True
    keep_last: bool = True
    keep: tuple[LayerPattern, ...] = ()
    granularity: Literal["published", "layer", "channel"] = "published"
    initial_scales: Literal["ones", "least_squares"] = "ones"
    normalise_latent: Literal[False, "max", "tanh"] = False


class Quantization(BaseModel):
    """A method with its delta strategy (None without thresholds) and the layers it acts on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    strategy: DeltaStrategy | None
    conversion: Conversion


class FolderImages(BaseModel):
    """What a record says of images that no card in the table fits (see ``TrialSpec``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image_shape: tuple[int, int, int]
    classes: Annotated[int, Field(ge=2)]
    train_count: Annotated[int, Field(ge=1)]
    test_count: Annotated[int, Field(ge=1)]


def arm_name(method: str | None, parent: str | None) -> str:
    """Return the name of an arm in tables: its method, or which kind of full precision it is."""
    if method is not None:
        return method
    return FULL_PRECISION if parent is None else CONTINUED


class TrialSpec(BaseModel):
    """One training run. ``quantization`` is None for full precision, ``parent`` for a fresh start.

    ``images`` is set where no card in the table fits: for those of a folder, and for a part of
    ImageNet. Trials that differ in ``repeat`` alone start from one parent and see the batches in
    another order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str
    dataset: str
    data_fingerprint: str
    validation_count: Annotated[int, Field(ge=1)]
    images: FolderImages | None = None
    model: str
    seed: Annotated[int, Field(ge=0)]
    recipe: Recipe
    quantization: Quantization | None = None
    parent: str | None = None
    repeat: Annotated[int, Field(ge=0)] = 0
    schema_version: int = SPEC_VERSION
    training_version: int = TRAINING_VERSION

    @classmethod
    def from_record(cls, fields: dict[str, Any]) -> Self:
        """Return the spec that a record holds; ``ValueError`` if its fields are not known here.

        Through JSON: strict recipes take a list for a tuple there, and nowhere else.
        """
        return cls.model_validate_json(json.dumps(fields))

    @property
    def source_name(self) -> str:
        """Return the name by which the images are found: that of a dataset, or ``folder``."""
        return FOLDER if self.dataset.startswith(f"{FOLDER}-") else catalog_name(self.dataset)

    @property
    def card(self) -> ImagesCard:
        """Return the card of the images; ``TtqBenchError`` for a dataset that is not known here."""
        if self.images is None:
            return DATASETS[catalog_name(self.dataset)]
        return own_card(self.dataset, **dict(self.images))

    @property
    def arm(self) -> str:
        """Return the name of the arm in tables; see ``arm_name``."""
        return arm_name(self.quantization.method if self.quantization else None, self.parent)

    @property
    def strategy(self) -> str:
        """Return the delta strategy as text, empty for full precision."""
        quantization = self.quantization
        return str(quantization.strategy) if quantization and quantization.strategy else ""

    @property
    def batch_seed(self) -> int:
        """Return the seed of the order of batches and of their augmentation."""
        return stream_seed(self.seed, "repeat", self.repeat) if self.repeat else self.seed

    @property
    def strategy_moves(self) -> bool:
        """Return whether the delta strategy's number changes within epochs."""
        strategy = self.quantization.strategy if self.quantization else None
        return strategy is not None and strategy.start is not None

    @cached_property
    def trial_id(self) -> str:
        """Return a readable name that ends in the hash of the complete spec; hashed once."""
        canonical = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(canonical.encode()).hexdigest()[:12]
        words = [self.dataset, self.model, self.arm]
        if self.quantization and self.quantization.strategy:
            strategy = self.quantization.strategy
            words.append(f"{strategy.name}{strategy.number:g}")
        repeat = f"r{self.repeat}" if self.repeat else ""
        return "-".join([*words, f"s{self.seed}{repeat}", digest])

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other fields and its own id: pydantic copies what is cached."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("trial_id", None)
        return copied

    def resolved(self) -> dict[str, Any]:
        """Return the spec as plain JSON values, defaults written out but for ``ADDED_FIELDS``."""
        fields = self.model_dump(mode="json")
        for path, former in ADDED_FIELDS.items():
            *parents, name = path.split(".")
            owner: dict[str, Any] | None = fields
            for parent in parents:
                owner = owner[parent] if owner else None
            if owner and owner[name] == former:
                del owner[name]
        return fields
