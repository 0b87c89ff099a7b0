"""What a report reads of a record's spec: fewer fields than ``TrialSpec``, each of a safe form.

A ``TrialSpec`` needs every field and takes no other, so older code cannot read a newer record as
one. A report shows such a record all the same: fields that it does not know may hold names and
numbers, alone or in a list. Names have safe letters alone, because they go into Markdown, HTML,
figures and the names of files.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ttq_bench.records.paths import SAFE_ID
from ttq_bench.spec.trial import LayerPattern, arm_name
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.text import shortest

MOST = 2**53  # whole numbers up to here are exact in every table
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$", max_length=64)]
Id = Annotated[str, Field(pattern=f"^{SAFE_ID.pattern}$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Words = Annotated[str, Field(max_length=200)]
Count = Annotated[int, Field(ge=0, lt=MOST)]
Plain = bool | int | Number | Name | None
Value = Plain | list[Plain]


class Open(BaseModel):
    """Has the fields that the report needs; any other field becomes an attribute, too."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Value]


# Values of a recipe that are not mentioned.
USUAL = {
    "optimizer": "sgd", "momentum": 0.9, "nesterov": False, "label_smoothing": 0.0,
    "decay_scales": False, "decay_on": "all", "warmup_epochs": 0.0, "decay_factor": 0.1,
    "decay_factors": [], "augmentation": "crop_flip", "adam_epsilon": 1e-8,
}  # fmt: skip


class ReportedRecipe(Open):
    """Budget and rate; older recipes lack most other fields."""

    epochs: Count
    learning_rate: Number
    schedule: Value = "?"
    decay_epochs: list[int] | None = None
    batch_size: Value = "?"
    weight_decay: Value = "?"
    precision: Value = "?"

    def in_words(self) -> str:
        """Return the budget as it would stand in a table of a paper, with what is unusual."""
        drops = "/".join(map(str, self.decay_epochs or ()))
        rate = shortest(self.learning_rate)
        words = [
            f"{self.epochs} epochs of batch {self.batch_size}",
            f"rate {rate}, {self.schedule}{f' at {drops}' if drops else ''}",
            f"weight decay {self.weight_decay}",
            str(self.precision),
        ]
        words += [
            f"{name.replace('_', ' ')} {getattr(self, name)}"
            for name, value in USUAL.items()
            if getattr(self, name, value) != value
        ]
        return ", ".join(words)


class ReportedStrategy(BaseModel):
    """A delta strategy, as ``ternary/strategies.py`` writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    number: Number
    start: Number | None = None
    ramp_epochs: Number = 0.0
    update: Name = "step"

    def __str__(self) -> str:
        return str(DeltaStrategy(**dict(self)))


class ReportedConversion(Open):
    """Which layers are quantized how; None where the spec does not say."""

    keep_first: Value = True
    keep_last: Value = True
    keep: list[LayerPattern] = []
    granularity: Value = None
    initial_scales: Value = "?"
    normalise_latent: Value = False


class ReportedQuantization(BaseModel):
    """Method, strategy and conversion."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    method: Name
    strategy: ReportedStrategy | None = None
    conversion: ReportedConversion | None = None


class ReportedSpec(BaseModel):
    """One training run, as far as a report tells of it (see ``TrialSpec`` for the fields)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    dataset: Name
    protocol: Name
    model: Name
    seed: Count
    repeat: Count = 0
    recipe: ReportedRecipe
    quantization: ReportedQuantization | None
    parent: Id | None
    data_fingerprint: Words
    training_version: int
    validation_count: Count | None = None

    @property
    def arm(self) -> str:
        """Return the name of the arm in tables; see ``arm_name``."""
        return arm_name(self.quantization.method if self.quantization else None, self.parent)

    @property
    def strategy(self) -> ReportedStrategy | None:
        """Return the delta strategy, None where nothing is quantized by one."""
        return self.quantization.strategy if self.quantization else None

    @property
    def conversion(self) -> ReportedConversion | None:
        """Return the conversion, None where nothing is quantized."""
        return self.quantization.conversion if self.quantization else None
