"""What a suite file may say. Every field has one meaning and is checked on its own.

To add an axis: add a field here, a level in ``grid.expand``, and a field in ``TrialSpec``.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from ttq_bench.data.catalog import DATASETS, FOLDER, is_streamed
from ttq_bench.errors import did_you_mean
from ttq_bench.models.catalog import MODELS
from ttq_bench.spec.trial import Conversion
from ttq_bench.suite.protocols import PROTOCOLS, deviations
from ttq_bench.suite.strategy_entry import read_strategy
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.text import one_line
from ttq_bench.training.recipe import STREAMED_AUGMENTATIONS, Recipe

Axis = Annotated[tuple[str, ...], Field(min_length=1)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], Field(min_length=1)]
LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PARENTS = "training.full_precision."  # how the values that a protocol fixes of parents begin
MOST_LETTERS = 64
# Names stand in tables, and the suite's in the name of a file.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=MOST_LETTERS)]
MOST_TRIALS = 10_000
T = TypeVar("T")


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse a value that is given twice: one result would count as two."""
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{twice[0]} is given twice")
    return values


def _known(name: str, *, table: Collection[str], kind: str) -> str:
    if name not in table:
        raise ValueError(f"unknown {kind} {one_line(name, 80)!r}{did_you_mean(name, table)}")
    return name


def _dataset(name: str) -> str:
    if name.startswith(f"{FOLDER}:"):
        raise ValueError(
            f"{name!r}: a suite file takes no path; name any dataset here, and give --dataset"
            f" {name}, which takes its place"
        )
    return _known(name, table=(*DATASETS, FOLDER), kind="dataset")


def _in_editors(names: Iterable[str]) -> Any:
    """Return what lists the allowed names in the JSON schema of suites."""
    return Field(json_schema_extra={"enum": [*sorted(names)]})


Distinct = AfterValidator(_distinct)
Dataset = Annotated[str, AfterValidator(_dataset), _in_editors((*DATASETS, FOLDER))]
Model = Annotated[
    str, AfterValidator(partial(_known, table=MODELS, kind="model")), _in_editors(MODELS)
]
Method = Annotated[
    str, AfterValidator(partial(_known, table=METHODS, kind="method")), _in_editors(METHODS)
]
Strategy = Annotated[DeltaStrategy, BeforeValidator(read_strategy)]


class Strict(BaseModel):
    """Unknown fields and wrong types are errors, never guesses."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Training(Strict):
    """Budget of the full-precision parents, and of everything that is fine-tuned from them."""

    full_precision: Recipe
    fine_tuned: Recipe


class Selection(Strict):
    """A part of the grid: values for some axes; an axis that is left out means all of it."""

    dataset: Axis | None = None
    model: Axis | None = None
    method: Axis | None = None
    delta_strategy: Axis | None = None
    seed: Seeds | None = None

    @field_validator("dataset", "model", "method", "delta_strategy", "seed", mode="before")
    @classmethod
    def accept_one_value(cls, value: Any) -> Any:
        """Take ``model: resnet20`` for ``model: [resnet20]``."""
        if value is None:
            return None
        return tuple(value) if isinstance(value, list) else (value,)

    def describe(self) -> str:
        """Return the selection as it would stand in YAML."""
        chosen = self.model_dump(exclude_none=True)
        text = ", ".join(f"{axis}: {'/'.join(map(str, v))}" for axis, v in chosen.items())
        return one_line(text, 200)


class Suite(Strict):
    """A grid of trials under one protocol.

    ``parent_protocol`` names another protocol whose full-precision networks are the parents: those
    trained there already are used, not trained again. ``learning_rates`` is an axis: each
    fine-tuned arm is trained at each of these rates. ``repeats`` fine-tunes each network so many
    times from one parent, each time with another order of batches.
    ``start: scratch`` trains quantized networks from fresh weights, those of the full-precision
    network of the same seed, by the recipe ``fine_tuned``; then there is nothing to continue.
    """

    name: Name
    title: Annotated[str, Field(max_length=200)]
    protocol: Name
    parent_protocol: Name | None = None
    datasets: Annotated[tuple[Dataset, ...], Field(min_length=1), Distinct]
    models: Annotated[tuple[Model, ...], Field(min_length=1), Distinct]
    methods: Annotated[tuple[Method, ...], Field(min_length=1), Distinct]
    delta_strategies: Annotated[tuple[Strategy, ...], Distinct] = ()
    seeds: Annotated[Seeds, Distinct]
    training: Training
    learning_rates: Annotated[tuple[LearningRate, ...], Field(max_length=20), Distinct] = ()
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    conversion: Conversion = Conversion()
    start: Literal["parent", "scratch"] = "parent"
    continue_full_precision: bool = True
    histogram_epochs: tuple[Annotated[int, Field(ge=0)], ...] = ()
    exclude: Annotated[tuple[Selection, ...], Field(max_length=100)] = ()
    include: Annotated[tuple[Selection, ...], Field(max_length=100)] = ()

    @field_validator("title")
    @classmethod
    def check_title(cls, title: str) -> str:
        """Refuse a title that a terminal would obey instead of showing it."""
        if not title.isprintable():
            raise ValueError("expected one line without control characters")
        return title

    @model_validator(mode="after")
    def check_start(self) -> Self:
        """Refuse ``start: scratch`` with fields that only fine-tuning from a parent has."""
        if self.start == "scratch" and (self.parent_protocol or self.repeats > 1):
            name = "parent_protocol" if self.parent_protocol else "repeats"
            raise ValueError(f"{name}: needs start: parent, got start: scratch; leave one out")
        return self

    @model_validator(mode="after")
    def check_size(self) -> Self:
        """Refuse a grid that no machine could run before its product is made."""
        axes = (self.datasets, self.models, self.seeds, (*self.methods, "continued"))
        each = max(len(self.delta_strategies), 1) * max(len(self.learning_rates), 1) * self.repeats
        trials = math.prod(map(len, axes)) * each
        if trials > MOST_TRIALS:
            raise ValueError(f"stands for {trials:,} trials, more than {MOST_TRIALS:,}; split it")
        return self

    @model_validator(mode="after")
    def check_protocol(self) -> Self:
        """Refuse a suite that names a protocol and does not follow it."""
        protocol = PROTOCOLS.get(self.protocol)
        if protocol and self.parent_protocol not in (None, self.protocol):
            raise ValueError(
                f"parent_protocol: protocol {self.protocol!r} has parents of its own, got"
                f" {self.parent_protocol!r}; leave it out, or give the protocol another name"
            )
        for name in (self.protocol, self.parent_protocol):
            families = PROTOCOLS[name].families if name and name in PROTOCOLS else ()
            for model in self.models:
                family = MODELS[model].family
                if families and family not in families:
                    raise ValueError(
                        f"models: protocol {name!r} is for {'/'.join(families)} networks,"
                        f" {model!r} is a {family}; give the protocol another name"
                    )
        given = dict(self.training), self.conversion, self.start
        problems = list(deviations(self.protocol, *given))
        if self.parent_protocol is not None:
            of_parents = deviations(self.parent_protocol, *given)
            problems = [text for text in problems if not text.startswith(PARENTS)]
            problems += [text for text in of_parents if text.startswith(PARENTS)]
        if protocol and set(self.learning_rates) - {self.training.fine_tuned.learning_rate}:
            problems.append(f"learning_rates: protocol {self.protocol!r} fixes the rate")
        if problems:
            raise ValueError(
                "; ".join(problems) + "; use these values, or another name for the protocol"
            )
        return self

    @model_validator(mode="after")
    def check_augmentation(self) -> Self:
        """Refuse an augmentation that is for the other kind of images: in memory, or streamed."""
        for dataset in self.datasets:
            streamed = is_streamed(dataset)
            allowed = (*STREAMED_AUGMENTATIONS, "none") if streamed else ("crop_flip", "none")
            for name, recipe in self.training:
                if recipe.augmentation not in allowed:
                    raise ValueError(
                        f"training.{name}.augmentation: images of {dataset!r} take"
                        f" {' or '.join(allowed)}, got {recipe.augmentation!r}"
                    )
        return self

    @model_validator(mode="after")
    def check_axes_fit(self) -> Self:
        """Refuse ternary methods without a delta strategy, and images of another size."""
        needing = [name for name in self.methods if METHODS[name].takes_strategy]
        if needing and not self.delta_strategies:
            raise ValueError(f"delta_strategies: method {needing[0]!r} needs at least one")
        epochs = self.training.fine_tuned.epochs
        for strategy in self.delta_strategies:
            if strategy.ramp_epochs > epochs:
                raise ValueError(
                    f"delta_strategies: {strategy} does not get there in the {epochs} epochs of"
                    " training.fine_tuned"
                )
        for dataset in self.datasets:
            for model in self.models if dataset in DATASETS else ():  # a folder: ``grid.expand``
                has, needs = DATASETS[dataset].image_shape, MODELS[model].image_shape
                if has != needs:
                    raise ValueError(
                        f"models: {model!r} takes images of {needs}, {dataset!r} has {has}"
                    )
        return self
