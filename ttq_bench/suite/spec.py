"""A trial is a value: everything that can move its numbers, and an id made from it."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ttq_bench.records.schema import SCHEMA_VERSION
from ttq_bench.training.recipe import Recipe

# Raised by hand when the same spec gives other numbers than before; the golden test in
# tests/execution/test_trial.py says when. Records of older versions keep their ids.
TRAINING_VERSION = 1


class Conversion(BaseModel):
    """Which layers become ternary and where they start (see ``ternary/conversion.py``)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    keep_first: bool = True
    keep_last: bool = True
    initial_scales: Literal["ones", "least_squares"] = "ones"
    normalise_latent: bool = False


class DeltaStrategy(BaseModel):
    """A threshold rule by name, with its number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    number: float

    def __str__(self) -> str:
        return f"{self.name}({self.number:g})"


class Quantization(BaseModel):
    """A method with its delta strategy and the layers it acts on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    strategy: DeltaStrategy
    conversion: Conversion


class TrialSpec(BaseModel):
    """One training run. ``quantization`` is None for full precision, ``parent`` for a fresh start.

    ``arm`` is the name in tables: a method, or ``full_precision_continued`` for the control that
    trains the parent on, unquantized, with the budget of the fine-tuned methods.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str
    dataset: str
    data_fingerprint: str
    validation_count: Annotated[int, Field(ge=1)]
    model: str
    seed: Annotated[int, Field(ge=0)]
    recipe: Recipe
    quantization: Quantization | None = None
    parent: str | None = None
    schema_version: int = SCHEMA_VERSION
    training_version: int = TRAINING_VERSION

    @property
    def arm(self) -> str:
        """Return what stands for this trial in tables."""
        if self.quantization is not None:
            return self.quantization.method
        return "full_precision" if self.parent is None else "full_precision_continued"

    @property
    def strategy(self) -> str:
        """Return the delta strategy as text, empty for full precision."""
        return str(self.quantization.strategy) if self.quantization else ""

    @property
    def trial_id(self) -> str:
        """Return a readable name that ends in the hash of the complete spec."""
        canonical = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(canonical.encode()).hexdigest()[:12]
        words = [self.dataset, self.model, self.arm]
        if self.quantization:
            strategy = self.quantization.strategy
            words.append(f"{strategy.name}{strategy.number:g}")
        return "-".join([*words, f"s{self.seed}", digest])

    def resolved(self) -> dict[str, Any]:
        """Return the spec as plain JSON values, all defaults written out."""
        return self.model_dump(mode="json")
