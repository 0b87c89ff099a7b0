"""Real record files with numbers made by hand, for the tests of records, analysis and report.

``write_trial`` publishes one trial, ``write_parents`` and ``write_arm`` arms with common parents,
``write_grid`` a small grid of them. ``WRITERS`` has for each claim, by its label, what
publishes on one network the trials from which the claim's measure reads just the wanted values: a
new claim needs a line there, and tests/analysis/test_claims.py says so.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ttq_bench.analysis.claims import Claim
from ttq_bench.analysis.gains import DEPTHS
from ttq_bench.analysis.measured import Network
from ttq_bench.analysis.tables import Tables, load_tables
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.probes import (
    PROBE_VERSION,
    Healing,
    Kernels,
    MovedScales,
    Probe,
    SymmetrisedLayer,
    publish_probe,
)
from ttq_bench.records.schema import (
    SCHEMA_VERSION,
    Alarm,
    Gauge,
    Start,
    TrialRecord,
    summarise_errors,
)
from ttq_bench.records.seal import SEAL, digests, seal_bytes
from ttq_bench.records.store import place_record, read_records, record_files_of
from ttq_bench.spec.training_version import TRAINING_VERSION

Values = Sequence[float]
Write = Callable[[Path, Values, dict[str, str]], None]
Scales = dict[str, tuple[float, float]]

STRATEGY_FIELDS = ("name", "number", "start", "ramp_epochs", "update")
MAX_FRACTION = ("max_fraction", 0.05)
BY_EPOCH = (*MAX_FRACTION, None, 0.0, "epoch")
# What methods that do not take the usual delta strategy are trained with.
STRATEGIES = {"twn": ("mean_fraction", 0.7), "bwn": None, "dorefa-w1": None}
EQUAL = {"layer1.conv1": (1.0, 1.0)}
SHORT = Network("cifar10-jpeg", "short", "resnet20")
EPOCH = {
    "learning_rate": 0.1, "train_loss": 1.0, "validation_loss": 1.0, "test_loss": 1.0,
    "epoch_seconds": 30.0,
}  # fmt: skip
SCALE = {
    "weight_count": 10, "positive_share": 0.4, "zero_share": 0.25, "negative_share": 0.35,
    "threshold": 0.1, "feeds_batch_norm": "yes", "code_flips": 0.01, "gauge_residue": 0.001,
    "scale_path": 0.1,
}  # fmt: skip
RUN = {"device": "cpu", "device_name": "cpu", "threads": 1, "backend": "inprocess"}
ERROR = 20.0


def no_changes(epoch: int, layer: str) -> dict[str, Any]:
    return {}


def write_trial(
    root: Path,
    name: str,
    *,
    seed: int,
    errors: tuple[float, ...],
    parent: str | None = None,
    scales: Scales | None = None,
    at_start: Scales | None = None,
    start: tuple[str, float] | None = None,
    strategy: tuple[Any, ...] | None = MAX_FRACTION,
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
    epoch_changes: Mapping[str, Any] = {},
    histograms: list[dict[str, Any]] | None = None,
    training_version: int = TRAINING_VERSION,
    repeat: int = 0,
    threads: int = 1,
    commit: str = "abc",
) -> None:
    """Publish a trial whose test error after each epoch is ``errors``, with final ``scales``.

    ``strategy`` has the values of ``STRATEGY_FIELDS``, of which the last ones may be left out.
    ``changes`` of an epoch and a layer are columns of ``scales.parquet`` unlike the usual ones,
    ``epoch_changes`` are columns of ``epochs.parquet``.
    """
    quantization = None
    if scales is not None:
        quantization = {
            "method": method,
            "strategy": dict(zip(STRATEGY_FIELDS, strategy, strict=False)) if strategy else None,
            "conversion": {"keep_first": True, **(conversion or {})},
        }
    spec: dict[str, Any] = {
        "dataset": dataset, "protocol": protocol, "model": model, "seed": seed,
        "recipe": {"epochs": len(errors), "learning_rate": learning_rate},
        "quantization": quantization,
        "parent": parent, "validation_count": 5000, "data_fingerprint": "sha256:00",
        "training_version": training_version, **({"repeat": repeat} if repeat else {}),
    }  # fmt: skip
    both = ("validation_error_percent", "test_error_percent")
    epochs = [
        {"epoch": number, **dict.fromkeys(both, error), **EPOCH, **epoch_changes}
        for number, error in enumerate(errors, start=1)
    ]
    first = at_start or dict.fromkeys(scales or {}, (1.0, 1.0))
    rows = [
        _scale(epoch, index, layer, pair) | changes(epoch, layer)
        for epoch in range(len(errors) + 1)
        for index, (layer, pair) in enumerate(((scales if epoch else first) or {}).items())
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
        run={**RUN, "threads": threads, "pixels_sha256": pixels},
        provenance={"commit": commit, "torch": "2", "processor": "test"},
        table_sha256={},
        alarms=alarms,
        gauge=gauge,
    )
    tables = {
        "epochs.parquet": epochs, "scales.parquet": list(map(_with_rho, rows)),
        "histograms.parquet": histograms or [],
    }  # fmt: skip
    assert publish_record(ResultsPaths(root).trial(name), record, tables)


def _scale(epoch: int, index: int, layer: str, pair: tuple[float, float]) -> dict[str, Any]:
    positive, negative = pair
    where = {"epoch": epoch, "layer_index": index, "layer": layer}
    return {**where, "positive_scale": positive, "negative_scale": negative, **SCALE}


def _with_rho(row: dict[str, Any]) -> dict[str, Any]:
    positive, negative = row["positive_scale"], row["negative_scale"]
    is_defined = positive > 0 and negative > 0
    return row | {"rho": math.log(positive / negative) if is_defined else math.nan}


def seal_anew(folder: Path) -> None:
    """Seal a record that was changed by hand, as if it had been published so."""
    files = [path for path in folder.iterdir() if path.name != SEAL and path.is_file()]
    seal = seal_bytes(digests({path.name: path.read_bytes() for path in files}))
    (folder / SEAL).write_bytes(seal)


def publish_record(
    paths: TrialPaths, record: TrialRecord, tables: Mapping[str, Sequence[dict[str, Any]]]
) -> bool:
    """Publish a record with the rows of its tables; return False if there is one already."""
    return place_record(paths, record_files_of(record, tables))


def tables_of(root: Path) -> Tables:
    return load_tables(ResultsPaths(root))


def write_parents(root: Path, seeds: int, *, tag: str = "", **more: Any) -> None:
    """Publish the full-precision networks ``fp-0``, ``fp-1``, ... that arms start from."""
    for seed in range(seeds):
        write_trial(root, f"fp{tag}-{seed}", seed=seed, errors=(40.0, 20.0), **more)


def write_arm(root: Path, arm: str, errors: Any, *, tag: str = "", **more: Any) -> None:
    """Publish one trial a seed, with this final error; ``errors`` are a sequence or by seed.

    The arm ``on`` is the parent trained on without quantizing. Trials are named ``ttq-0``; ``tag``
    tells those of one seed apart.
    """
    by_seed = errors if isinstance(errors, dict) else dict(enumerate(errors))
    quantized = arm != "on"
    for seed, error in by_seed.items():
        usual = {
            "parent": f"fp-{seed}", "method": arm, "scales": EQUAL if quantized else None,
            "strategy": STRATEGIES.get(arm, ("max_fraction", 0.05)),
        }  # fmt: skip
        write_trial(root, f"{arm}{tag}-{seed}", seed=seed, errors=(50.0, error), **usual | more)


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


def make_probe(trial_id: str, **changes: Any) -> Probe:
    fields: dict[str, Any] = {
        "probe_version": PROBE_VERSION,
        "trial_id": trial_id,
        "weights_sha256": "ab",
        "test_images": 10_000,
        "reestimation_images": 5120,
        "as_trained_error_percent": 19.94,
        "reestimated_error_percent": 0.1 + 0.2,
        "symmetrised": (SymmetrisedLayer(layer="a", rho=-1 / 3, test_error_percent=20.1),),
        "all_symmetrised_error_percent": 20.2,
        "kernels": Kernels(layer="a", shape=(1, 1, 1, 3), codes="+0-"),
        "seconds": 1.5,
        "run": {"device": "cpu", "threads": 1},
        "provenance": {"commit": "abc"},
    }
    return Probe(**fields | changes)


def write_probe(
    root: Path, trial_id: str, *, control: float, together: float | None, **more: Any
) -> None:
    """Publish a probe: test error of the control, and with all layers symmetrised.

    Of the weights of the trial's record, if there is one.
    """
    probe = make_probe(
        trial_id, reestimated_error_percent=control, all_symmetrised_error_percent=together, **more
    )
    publish_probe(ResultsPaths(root), as_recorded(root, probe))


def as_recorded(root: Path, probe: Probe) -> Probe:
    """Return the probe with the test error of its record, as one of the same weights has it."""
    recorded = {record.trial_id: record.errors for record in read_records(ResultsPaths(root))}
    errors = recorded.get(probe.trial_id)
    if errors is None:
        return probe
    return probe.model_copy(update={"as_trained_error_percent": errors.final_percent})


def network_of(claim: Claim) -> Network:
    """Return a network on which evidence for the claim is exact."""
    dataset, model = (*claim.datasets, "cifar10")[0], (*claim.models, "resnet20")[0]
    return Network(dataset, "alexnet" if model == "alexnet" else "paper", model)


def write_evidence(root: Path, claim: Claim, values: Values, network: Network) -> None:
    where = {"dataset": network.dataset, "protocol": network.protocol, "model": network.model}
    WRITERS[claim.label](root, values, where)


def write_beside_others(root: Path, claim: Claim, values: Values, network: Network) -> None:
    """Publish evidence in a folder of its own and move it in, under names of its own."""
    name = re.sub(r"\W+", "-", str(network))
    write_evidence(root / name, claim, values, network)
    (root / "trials").mkdir(exist_ok=True)
    for folder in (root / name / "trials").iterdir():
        target = folder.rename(root / "trials" / f"{name}-{folder.name}")
        text = (target / "record.json").read_text()
        text = text.replace(f'"trial_id": "{folder.name}"', f'"trial_id": "{target.name}"')
        text = text.replace('"parent": "', f'"parent": "{name}-')
        (target / "record.json").write_text(text)
        seal_anew(target)


def _paired(arm: str) -> Write:
    """Return the writer of errors of ``arm`` minus those of TTQ."""

    def write(root: Path, values: Values, where: dict[str, str]) -> None:
        write_parents(root, len(values), **where)
        write_arm(root, arm, [ERROR + value for value in values], **where)
        write_arm(root, "ttq", [ERROR] * len(values), **where)

    return write


def _depths(root: Path, values: Values, where: dict[str, str]) -> None:
    for step, depth in enumerate(DEPTHS):
        there = {**where, "model": where["model"].replace("20", str(depth))}
        tag = f"-{depth}"
        write_parents(root, len(values), tag=tag, **there)
        for seed, value in enumerate(values):
            start = {"tag": tag, "parent": f"fp{tag}-{seed}", **there}
            write_arm(root, "on", {seed: ERROR + step * value}, **start)
            write_arm(root, "ttq", {seed: ERROR}, **start)


def _sizes(root: Path, values: Values, where: dict[str, str]) -> None:
    write_parents(root, len(values), **where)
    for seed, value in enumerate(values):
        write_arm(root, "ttq", {seed: ERROR}, scales={"a": (math.exp(value), 1.0)}, **where)


def _slopes(root: Path, values: Values, where: dict[str, str]) -> None:
    """Three layers, whose rho is the value times ln(n+/n-)."""
    logs = dict(zip("abc", (-0.4, -0.1, 0.2), strict=True))
    shares = {
        name: {
            "positive_share": 0.2 * math.exp(log / 2),
            "negative_share": 0.2 * math.exp(-log / 2),
        }
        for name, log in logs.items()
    }
    write_parents(root, len(values), **where)
    for seed, slope in enumerate(values):
        write_arm(
            root, "ttq", {seed: ERROR}, changes=lambda _, layer: shares[layer],
            scales={name: (math.exp(slope * log), 1.0) for name, log in logs.items()}, **where,
        )  # fmt: skip


def _settlings(root: Path, values: Values, where: dict[str, str]) -> None:
    """Three epochs: shares keep half of their movement, ln W_p half and ``value`` on top."""
    write_parents(root, len(values), **where)
    shares = [0.2, 0.4, 0.5, 0.6]
    for seed, value in enumerate(values):
        logs = [0.0, 0.2, 0.3, 0.3 + 0.2 * (0.5 + value)]
        rows = [
            {"positive_scale": math.exp(log), "positive_share": share, "zero_share": 0.9 - share}
            for log, share in zip(logs, shares, strict=True)
        ]
        write_trial(
            root, f"ttq-{seed}", seed=seed, errors=(ERROR,) * 3, parent=f"fp-{seed}",
            scales={"a": (1.0, 1.0)}, changes=lambda epoch, _, found=rows: found[epoch], **where,
        )  # fmt: skip


def _curves(at: Mapping[float, float], thresholds: Mapping[float, float] = {}) -> Write:
    """Return the writer of a curve whose error is raised by ``at`` times the value."""

    def write(root: Path, values: Values, where: dict[str, str]) -> None:
        write_parents(root, len(values), **where)
        for name, points in (("constant_sparsity", at), ("max_fraction", thresholds)):
            for sparsity, times in points.items():
                errors = [ERROR + times * value for value in values]
                more: dict[str, Any] = {"strategy": (name, sparsity), "sparsity": sparsity}
                write_arm(root, "ttq", errors, tag=f"-{name}{sparsity}", **more, **where)

    return write


def _probes(root: Path, values: Values, where: dict[str, str]) -> None:
    write_parents(root, len(values), **where)
    write_arm(root, "ttq", [ERROR] * len(values), **where)
    for seed, value in enumerate(values):
        write_probe(root, f"ttq-{seed}", control=ERROR, together=ERROR + value)


def _moves(root: Path, values: Values, where: dict[str, str]) -> None:
    """Equal scales cost the value more than the other changes do."""
    write_parents(root, len(values), **where)
    write_arm(root, "ttq", [ERROR] * len(values), **where)
    for seed, value in enumerate(values):
        moved = (moved_scales("doubled", ERROR + 1), moved_scales("common", ERROR + 9))
        write_probe(root, f"ttq-{seed}", control=ERROR, together=ERROR + 1 + value, moved=moved)


def moved_scales(kind: Any, error: float) -> MovedScales:
    return MovedScales(kind=kind, draw=0, rms_change=0.1, test_error_percent=error)


def _healings(root: Path, values: Values, where: dict[str, str]) -> None:
    write_parents(root, len(values), **where)
    write_arm(root, "ttq", [ERROR] * len(values), **where)
    for seed, value in enumerate(values):
        healing = Healing(
            epochs=1, learning_rate=0.005, as_trained_error_percent=ERROR,
            equal_error_percent=ERROR + value,
        )  # fmt: skip
        write_probe(root, f"ttq-{seed}", control=ERROR, together=ERROR, healing=healing)


def _counted(root: Path, values: Values, where: dict[str, str]) -> None:
    """One layer, the whole network, of so many weights that it gets ``values[0]`` times smaller."""
    count = 4 * round(8 / (4 / values[0] - 1 / 4) / 4)  # 4 n bytes over n / 4 + 8
    write_parents(root, 1, **where)
    write_arm(
        root, "ttq", [ERROR], parameter_count=count + 2,
        changes=lambda *_: {"weight_count": count}, **where,
    )  # fmt: skip


WRITERS: Mapping[str, Write] = {
    **{f"T1 ResNet-{depth}": _paired("on") for depth in DEPTHS},
    "T1b": _depths,
    "F2": _paired("dorefa-w1"),
    "TWN": _paired("twn"),
    "T2 top-1": _paired("on"),
    "T3 top-1": _paired("twn"),
    "A1 different": _sizes,
    "A1 direction": _sizes,
    "A1 capacity": _paired("ttq-tied"),
    "A2": _paired("ttq-ste"),
    "S1 falls": _curves({0.0: 1, 0.4: 0}),
    "S1 rises": _curves({0.4: 0, 0.9: 1}),
    "S2": _curves({0.2: 1, 0.6: 1}, {0.22: 0}),
    "Z1 layers": _counted,
    "Z1 network": _counted,
    "O1": _settlings,
    "B1 close": _sizes,
    "B1 no value": _paired("ttq-tied"),
    "Q1": _probes,
    "Q1 excess": _moves,
    "Q1 healing": _healings,
    "Q2": _slopes,
}

UNITS = {
    "points": 1.0, "points for 12 layers": 1.0, "|ρ|": 0.04, "ρ": 0.04, "times": 0.5,
    "share of movement": 0.3, "slope": 0.5,
}  # fmt: skip


def values_for(claim: Claim, verdict: str) -> tuple[float, ...]:
    """Return three seeds that make the claim ``verdict``: far within its bound, beyond, across."""
    low, high = claim.bound
    unit = UNITS[claim.unit]
    end, inwards = (low, unit) if math.isfinite(low) else (high, -unit)
    inside = (low + high) / 2 if math.isfinite(low + high) else end + inwards
    centre = {"supported": inside, "contradicted": end - inwards, "undecided": end}[verdict]
    spread = unit * (0.5 if verdict == "undecided" else 0.02)
    return (centre - spread, centre, centre + spread)
