"""A delta strategy as it stands in a suite: ``NAME: NUMBER``, or a name with several fields."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ttq_bench.errors import TtqBenchError
from ttq_bench.suite.wording import reason
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.thresholds import check_strategy


class StrategyFields(BaseModel):
    """What may stand under the name of a delta strategy (see ``ternary/strategies.py``)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    number: float
    start: float | None = None
    ramp_epochs: float = 0.0
    update: Literal["step", "epoch"] = "step"


def read_strategy(entry: Any) -> DeltaStrategy:
    """Return the strategy of one entry; ``ValueError`` says what is wrong with it."""
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ValueError("expected 'NAME: NUMBER', for example 'max_fraction: 0.05'")
    (name, given), *_ = entry.items()
    fields = given if isinstance(given, dict) else {"number": given}
    try:
        strategy = StrategyFields.model_validate(fields)
        chosen = DeltaStrategy(str(name), **strategy.model_dump())
        check_strategy("delta_strategies", chosen)
    except ValidationError as error:
        # An unknown field first: it may be a missing one, misspelt.
        first = min(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
        field = f"{first['loc'][-1]}: " if isinstance(given, dict) else ""
        problem = f"{name}: {field}{reason(first, list(StrategyFields.model_fields))}"
        raise ValueError(problem) from error
    except TtqBenchError as error:
        raise ValueError(str(error).removeprefix("delta_strategies: ")) from error
    return chosen
