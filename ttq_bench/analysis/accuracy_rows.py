"""One record as one row of the table of trials, which is written to ``tables/accuracy.csv``.

``recipe`` is a short hash of all that must be the same, apart from the seed, before two trials may
be averaged: budget, conversion, images. ``budget`` leaves the conversion out. ``family`` and
``budget_family`` are the same without the learning rate. The fields are hashed as they were
sealed, so that fields that this version does not know keep trials apart, too.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ttq_bench.analysis.chance import alarms_of, in_words, kind
from ttq_bench.records.reported_spec import ReportedConversion, ReportedSpec
from ttq_bench.records.schema import TrialRecord
from ttq_bench.ternary.methods import METHODS

# Columns of the self-check by its fields; empty in rows of records without one.
GAUGE = {
    "gauge_layers": "layers", "gauge_residue": "largest_residue", "gauge_size": "size",
    "gauge_predicted": "predicted_factor", "gauge_low": "seen_low", "gauge_high": "seen_high",
    "gauge_ratio_low": "ratio_low", "gauge_ratio_high": "ratio_high",
}  # fmt: skip
# Columns of the delta strategy by its fields; empty in rows of trials without one.
DELTA = {
    "strategy_name": "name", "strategy_number": "number", "strategy_start": "start",
    "strategy_ramp_epochs": "ramp_epochs", "strategy_update": "update",
}  # fmt: skip
# The parts of what ``strategy`` says in words: the delta strategy and the conversion. These
# columns are for computing; the CSV file has the words.
STRATEGY_PARTS = ("delta_strategy", "conversion", "granularity", *DELTA)
IN_NO_FILE = (*STRATEGY_PARTS, "alarm_kinds")


def trial_row(record: TrialRecord, records: dict[str, TrialRecord]) -> dict[str, Any]:
    """Return the row of ``record``; ``records`` are by id, and may hold its parent."""
    spec, errors, start = record.reported_spec, record.errors, record.start
    parent = records.get(spec.parent or "")
    alarms = alarms_of(record)
    top5 = errors.final_top5_percent if errors else None
    budget, conversion = _budget(record, parent), _sealed_conversion(record)
    return {
        "trial_id": record.trial_id,
        "parent": spec.parent,
        "dataset": spec.dataset,
        "protocol": spec.protocol,
        "model": spec.model,
        "arm": spec.arm,
        **_strategy_columns(spec),
        "seed": spec.seed,
        "repeat": spec.repeat,
        "start_weights": start.weights_sha256 if start else "as recorded",
        "start_error_percent": start.test_error_percent if start else None,
        "recipe": _digest([*budget, conversion]),
        "budget": _digest(budget),
        "family": _digest([*_without_rate(budget), conversion]),
        "budget_family": _digest(_without_rate(budget)),
        "learning_rate": spec.recipe.learning_rate,
        "budget_epochs": _epochs_in_words(spec, parent),
        "epochs": spec.recipe.epochs,
        "training": _recipe_in_words(spec),
        "outcome": record.outcome,
        "final_error_percent": errors.final_percent if errors else None,
        "best_validation_error_percent": errors.at_best_validation_percent if errors else None,
        "moving_average_error_percent": errors.moving_average_percent if errors else None,
        "moving_average_epochs": errors.moving_average_epochs if errors else None,
        "validation_count": spec.validation_count,
        "minimum_over_test_error_percent": errors.minimum_over_test_percent if errors else None,
        "final_validation_error_percent": errors.final_validation_percent if errors else None,
        **({"final_top5_error_percent": top5} if top5 is not None else {}),
        "sparsity": record.sparsity,
        "parameter_count": record.parameter_count,
        "alarms": "; ".join(map(in_words, alarms)),
        "alarm_kinds": tuple(dict.fromkeys(map(kind, alarms))),
        **{column: getattr(record.gauge, name, None) for column, name in GAUGE.items()},
        "training_seconds": record.training_seconds,
        "started": _started(record),
        "device": record.run.get("device_name", ""),
        "threads": record.run.get("threads"),
        "backend": record.run.get("backend"),
        "commit": record.provenance.get("commit", "unknown"),
        "torch": record.provenance.get("torch", "unknown"),
        "processor": record.provenance.get("processor", "unknown"),
    }


def _started(record: TrialRecord) -> str | None:
    """Return when the first attempt began (ISO 8601, UTC); None where that was not recorded."""
    attempts = record.run.get("attempts")
    first = attempts[0] if isinstance(attempts, list) and attempts else None
    text = first.get("started") if isinstance(first, dict) else None
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC).isoformat(timespec="seconds")
    except ValueError:
        return None


def _recipe_in_words(spec: ReportedSpec) -> str:
    """Return the budget as in a table of a paper, and how the scales are initialised."""
    words = [spec.recipe.in_words()]
    if spec.quantization and (conversion := spec.conversion):
        method = METHODS.get(spec.quantization.method)
        if method is None or method.scales.startswith("learned"):
            words.append(f"initial scales {conversion.initial_scales}")
        normalise = conversion.normalise_latent
        if normalise and (method is None or method.scales != "mean_magnitude"):
            words.append(f"latent weights normalised by {normalise}")
    return ", ".join(words)


def _strategy_columns(spec: ReportedSpec) -> dict[str, Any]:
    delta = str(spec.strategy or "")
    conversion = list(_conversion_in_words(spec.conversion)) if spec.conversion else []
    granularity = spec.conversion.granularity if spec.conversion else None
    return {
        "strategy": ", ".join(filter(None, [delta, *conversion])),
        "delta_strategy": delta,
        "conversion": ", ".join(conversion),
        "granularity": str(granularity or "published"),
        **{column: getattr(spec.strategy, name, None) for column, name in DELTA.items()},
    }


def _conversion_in_words(conversion: ReportedConversion) -> Iterator[str]:
    """Yield what differs from the usual: first and last layer kept, one pair of scales a layer."""
    if conversion.granularity:
        yield f"by {conversion.granularity}"
    if not conversion.keep_first:
        yield "first layer too"
    if not conversion.keep_last:
        yield "last layer too"
    if conversion.keep:
        yield f"without {' '.join(conversion.keep)}"


def _epochs_in_words(spec: ReportedSpec, parent: TrialRecord | None) -> str:
    own = str(spec.recipe.epochs)
    if not spec.parent:
        return own
    return f"{parent.reported_spec.recipe.epochs if parent else '?'} + {own}"


def _sealed_conversion(record: TrialRecord) -> Any:
    quantization: dict[str, Any] = record.spec["quantization"] or {}
    return quantization.get("conversion")


def _budget(record: TrialRecord, parent: TrialRecord | None) -> list[Any]:
    spec = record.spec
    # The parent's id contains its seed, so its recipe is used instead. Without the parent's record
    # the id is used, which keeps such trials apart rather than mixing them.
    start = parent.spec["recipe"] if parent else spec["parent"]
    # Another decoder may give other pixels from the same files.
    pixels = record.run.get("pixels_sha256")
    images = [spec["data_fingerprint"], spec.get("validation_count"), pixels]
    return [spec["recipe"], start, images, spec["training_version"]]


def _without_rate(budget: list[Any]) -> list[Any]:
    recipe, *others = budget
    return [{name: value for name, value in recipe.items() if name != "learning_rate"}, *others]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
