"""How long a trial takes: counted operations over a measured rate.

The rate comes from the records at hand where there are any (same model, same device), otherwise
from the figures below, which were measured on one machine and are rough elsewhere.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from ttq_bench.data.catalog import DATASETS, catalog_name
from ttq_bench.models.catalog import MODELS
from ttq_bench.records.schema import TrialRecord
from ttq_bench.suite.spec import TrialSpec

TRAINING_PASSES = 3  # forward, gradient of the activations, gradient of the weights
STARTUP_SECONDS = 5.0  # a fresh worker, torch, the images
# ResNet-20, batch 128, bf16, 2 cores of an AVX-512 server processor: 133 ms a step.
MULTIPLY_ADDS_PER_CORE_SECOND = 5.8e10
STEP_SECONDS = 0.002  # what a step costs however small the network is
# A guess for a GPU of 2020 or later until one is measured; small networks wait for launches.
MULTIPLY_ADDS_PER_GPU_SECOND = 2e12


@dataclass(frozen=True, slots=True)
class Rates:
    """Measured over estimated core-seconds (GPU-seconds) of each model on one kind of device."""

    device: str
    corrections: Mapping[str, float]

    @property
    def is_measured(self) -> bool:
        """Whether any record went into the estimate."""
        return bool(self.corrections)


def measured_rates(records: Iterable[TrialRecord], device: str, processor: str) -> Rates:
    """Return the rates that the records of this kind of device and processor show."""
    seen: dict[str, list[float]] = {}
    for record in records:
        run, spec = record.run, _spec_of(record)
        here = (run.get("device"), record.provenance.get("processor")) == (device, processor)
        if spec is not None and here and record.epochs_done:
            share = run.get("threads", 1) if device == "cpu" else run.get("gpu_share", 1.0)
            if not isinstance(share, int | float):
                continue  # nothing that was recorded here
            spent = record.training_seconds * share / record.epochs_done
            if not 0 < spent < math.inf:
                continue
            seen.setdefault(spec.model, []).append(spent / epoch_core_seconds(spec, device))
    return Rates(device, {model: median(ratios) for model, ratios in seen.items()})


def _spec_of(record: TrialRecord) -> TrialSpec | None:
    """Return the spec of a record, None where its fields or names are not known here."""
    try:
        spec = TrialSpec.from_record(record.spec)
    except ValueError:
        return None
    known = spec.model in MODELS and spec.dataset.partition("-")[0] in DATASETS
    return spec if known else None


def epoch_core_seconds(spec: TrialSpec, device: str) -> float:
    """Return the core-seconds (GPU-seconds) of one epoch with evaluation, by counted operations."""
    data, model = DATASETS[catalog_name(spec.dataset)], MODELS[spec.model]
    training = data.train_count - spec.validation_count
    images = TRAINING_PASSES * training + spec.validation_count + data.test_count
    rate = MULTIPLY_ADDS_PER_CORE_SECOND if device == "cpu" else MULTIPLY_ADDS_PER_GPU_SECOND
    steps = training / spec.recipe.batch_size
    return images * model.multiply_adds / rate + steps * STEP_SECONDS


def trial_core_seconds(spec: TrialSpec, epochs: int, rates: Rates) -> float:
    """Return the core-seconds that ``epochs`` epochs of a trial will take, without its start."""
    correction = rates.corrections.get(spec.model)
    if correction is None:
        correction = median(rates.corrections.values()) if rates.corrections else 1.0
    return epochs * epoch_core_seconds(spec, rates.device) * correction
