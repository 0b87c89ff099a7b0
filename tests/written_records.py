"""Results folders for tests of analysis and report: real record files with numbers made by hand."""

from collections.abc import Callable
from math import log, nan
from pathlib import Path
from typing import Any

from tests.records.test_probes import make_probe
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import Probe, publish_probe
from ttq_bench.records.schema import (
    SCHEMA_VERSION,
    Alarm,
    Gauge,
    Start,
    TrialRecord,
    summarise_errors,
)
from ttq_bench.records.seal import SEAL, seal_bytes, sha256
from ttq_bench.records.store import publish_record, read_records
from ttq_bench.records.training_version import TRAINING_VERSION

RECIPE = {"epochs": 2, "learning_rate": 0.1}
CONVERSION = {"keep_first": True}
STRATEGY = ("name", "number", "start", "ramp_epochs")


def no_changes(epoch: int, layer: str) -> dict[str, Any]:
    return {}


def write_trial(
    root: Path,
    name: str,
    *,
    seed: int,
    errors: tuple[float, ...],
    parent: str | None = None,
    scales: dict[str, tuple[float, float]] | None = None,
    at_start: dict[str, tuple[float, float]] | None = None,
    start: tuple[str, float] | None = None,
    strategy: tuple[Any, ...] | None = ("max_fraction", 0.05),
    outcome: str = "finished",
    dataset: str = "cifar10-jpeg",
    pixels: str = "00",
    method: str = "ttq",
    alarms: tuple[Alarm, ...] = (),
    gauge: Gauge | None = None,
    protocol: str = "short",
    model: str = "resnet20",
    learning_rate: float = 0.1,
    conversion: dict[str, Any] | None = None,
    sparsity: float = 0.25,
    parameter_count: int = 100,
    changes: Callable[[int, str], dict[str, Any]] = no_changes,
    histograms: list[dict[str, Any]] | None = None,
    training_version: int = TRAINING_VERSION,
) -> None:
    """Publish a trial whose test error after each epoch is ``errors``, with final ``scales``.

    ``strategy`` is a name and a number, with the start and the epochs of a ramp where there is one.
    ``changes`` of an epoch and a layer are columns of ``scales.parquet`` unlike the usual ones.
    """
    quantization = None
    if scales is not None:
        quantization = {
            "method": method,
            "strategy": dict(zip(STRATEGY, strategy, strict=False)) if strategy else None,
            "conversion": {**CONVERSION, **(conversion or {})},
        }
    spec: dict[str, Any] = {
        "dataset": dataset, "protocol": protocol, "model": model, "seed": seed,
        "recipe": {**RECIPE, "epochs": len(errors), "learning_rate": learning_rate},
        "quantization": quantization,
        "parent": parent, "validation_count": 5000, "data_fingerprint": "sha256:00",
        "training_version": training_version,
    }  # fmt: skip
    epochs = [_epoch(number, error) for number, error in enumerate(errors, start=1)]
    rows = [
        _with_rho(_scale(epoch, index, layer, *pair) | changes(epoch, layer))
        for epoch in range(len(errors) + 1)
        for index, (layer, pair) in enumerate(
            (
                (scales if epoch else at_start or dict.fromkeys(scales or {}, (1.0, 1.0))) or {}
            ).items()
        )
    ]
    record = TrialRecord(
        schema_version=SCHEMA_VERSION,
        trial_id=name,
        outcome=outcome,  # type: ignore[arg-type]
        spec=spec,
        errors=summarise_errors(epochs) if outcome == "finished" else None,
        start=Start(weights_sha256=start[0], test_error_percent=start[1]) if start else None,
        sparsity=sparsity if scales else None,
        parameter_count=parameter_count,
        epochs_done=len(errors),
        training_seconds=60.0,
        run={
            "device": "cpu",
            "device_name": "cpu",
            "threads": 1,
            "backend": "inprocess",
            "pixels_sha256": pixels,
        },
        provenance={"commit": "abc", "torch": "2", "processor": "test"},
        table_sha256={},
        alarms=alarms,
        gauge=gauge,
    )
    tables = {
        "epochs.parquet": epochs, "scales.parquet": rows, "histograms.parquet": histograms or []
    }  # fmt: skip
    assert publish_record(ResultsPaths(root).trial(name), record, tables)


def seal_anew(folder: Path) -> None:
    """Seal a record that was changed by hand, as if it had been published so."""
    files = [path for path in folder.iterdir() if path.name != SEAL and path.is_file()]
    seal = seal_bytes({path.name: sha256(path.read_bytes()) for path in files})
    (folder / SEAL).write_bytes(seal)


def write_grid(root: Path, seeds: int = 3) -> None:
    """Publish parents, controls and TTQ trials that cost about 2 points against the controls."""
    for seed in range(seeds):
        base = 20.0 + seed
        write_trial(root, f"fp-{seed}", seed=seed, errors=(40.0, base))
        write_trial(root, f"on-{seed}", seed=seed, errors=(base, base - 1), parent=f"fp-{seed}")
        layers = {
            "layer1.conv1": (1.2 + 0.01 * seed, 1.0),
            "layer1.conv2": (1.0, 1.0 + 0.001 * (-1) ** seed),
        }
        write_trial(
            root, f"ttq-{seed}", seed=seed, errors=(base + 5, base + 1 + 0.1 * seed),
            parent=f"fp-{seed}", scales=layers,
        )  # fmt: skip


def _epoch(number: int, error: float) -> dict[str, Any]:
    return {
        "epoch": number, "learning_rate": 0.1, "train_loss": 1.0, "validation_loss": 1.0,
        "validation_error_percent": error, "test_error_percent": error, "test_loss": 1.0,
        "epoch_seconds": 30.0,
    }  # fmt: skip


def _scale(epoch: int, index: int, layer: str, positive: float, negative: float) -> dict[str, Any]:
    return {
        "epoch": epoch, "layer_index": index, "layer": layer, "weight_count": 10,
        "positive_scale": positive, "negative_scale": negative,
        "positive_share": 0.4,
        "zero_share": 0.25, "negative_share": 0.35, "threshold": 0.1, "feeds_batch_norm": "yes",
        "code_flips": 0.01, "gauge_residue": 0.001, "scale_path": 0.1,
    }  # fmt: skip


def _with_rho(row: dict[str, Any]) -> dict[str, Any]:
    positive, negative = row["positive_scale"], row["negative_scale"]
    return row | {"rho": log(positive / negative) if positive > 0 and negative > 0 else nan}


def write_probe(root: Path, trial_id: str, *, control: float, together: float | None) -> None:
    """Publish a probe: test error of the control, and with all layers symmetrised.

    Of the weights of the trial's record, if there is one.
    """
    probe = make_probe(
        trial_id, reestimated_error_percent=control, all_symmetrised_error_percent=together
    )
    publish_probe(ResultsPaths(root), as_recorded(root, probe))


def as_recorded(root: Path, probe: Probe) -> Probe:
    """Return the probe with the test error of its record, as one of the same weights has it."""
    recorded = {record.trial_id: record.errors for record in read_records(ResultsPaths(root))}
    errors = recorded.get(probe.trial_id)
    if errors is None:
        return probe
    return probe.model_copy(update={"as_trained_error_percent": errors.final_percent})
