"""How long a trial takes: counted operations over a measured rate.

The rate comes from the records at hand where there are any (same model, device, processor and level
of instructions), otherwise from the figures below, which were measured on two machines and are
rough elsewhere. Older records have no level. One name of a processor may stand for several levels,
so records without one count only where there is none of this level.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from ttq_bench.data.catalog import is_streamed
from ttq_bench.errors import TtqBenchError
from ttq_bench.models.catalog import MODELS
from ttq_bench.records.schema import TrialRecord
from ttq_bench.spec.trial import TrialSpec

TRAINING_PASSES = 3  # forward, gradient of the activations, gradient of the weights
STARTUP_SECONDS = 5.0  # a fresh worker, torch, the images
# ResNet-20, batch 128, bf16, by level of instructions. AVX-512 with bf16: 133 ms a step on 2 cores.
# AVX2, bf16 by way of single precision: 0.75 to 0.79 s of one core beside other work (medians; 0.62
# at the best). AMX is at least AVX-512; every level that is not here counts as AVX2.
MULTIPLY_ADDS_PER_CORE_SECOND = {"amx bf16": 5.8e10, "avx512 bf16": 5.8e10, "avx2": 2.0e10}
SLOWEST = min(MULTIPLY_ADDS_PER_CORE_SECOND.values())
NO_LEVEL = ""  # of an older record
# What a step costs however small the network is.
STEP_SECONDS, GPU_STEP_SECONDS = 0.002, 0.0003
# ResNet-20 and -56, batch 128, bf16, one trial alone on an H200: 2.1 and 5.9 ms a step.
# Larger networks keep a GPU busier: hours for ImageNet's are likely fewer. None was measured yet.
MULTIPLY_ADDS_PER_GPU_SECOND = 8.6e12
# Decoded, cropped and resized: 327 JPEG files of 500x375 pixels and 90 kB in a second of one core
# (AVX-512); ImageNet's have 110 kB.
DECODED_PER_CORE_SECOND = 270.0


@dataclass(frozen=True, slots=True)
class Rates:
    """Measured over estimated core-seconds (GPU-seconds) of each model on one kind of device."""

    device: str
    corrections: Mapping[str, float]
    instructions: str = "unknown"

    @property
    def is_measured(self) -> bool:
        """Whether any record went into the estimate."""
        return bool(self.corrections)


def measured_rates(
    records: Iterable[TrialRecord],
    device: str,
    *,
    processor: str,
    instructions: str,
    gpu: str = "",
) -> Rates:
    """Return the rates that the records of this kind of device and processor, or GPU, show."""
    ratios: dict[str, dict[str, list[float]]] = {}  # by level and model
    estimates: dict[str, float | None] = {}  # seeds differ in nothing that costs time
    for record in records:
        spent = _spent_an_epoch(record)
        if not _made_on(record, device, gpu or processor) or not 0 < spent < math.inf:
            continue
        kind = json.dumps({**record.spec, "seed": 0, "parent": None})
        if kind not in estimates:
            estimates[kind] = _estimate(record, device, instructions)
        if (estimate := estimates[kind]) is not None:
            level = instructions if gpu else record.provenance.get("instructions", NO_LEVEL)
            of_models = ratios.setdefault(level, {})
            of_models.setdefault(record.spec["model"], []).append(spent / estimate)
    of_level = ratios.get(instructions) or ratios.get(NO_LEVEL, {})
    return Rates(device, {model: median(r) for model, r in of_level.items()}, instructions)


def _made_on(record: TrialRecord, device: str, name: str) -> bool:
    """Return whether a record comes from a device of this kind, and a GPU or processor so named."""
    on_gpu = device == "cuda"
    own_name = record.run.get("device_name") if on_gpu else record.provenance.get("processor")
    return record.run.get("device") == device and own_name == name


def _spent_an_epoch(record: TrialRecord) -> float:
    """Return the core-seconds (GPU-seconds) of an epoch of a record, 0 where it does not say."""
    run = record.run
    share = run.get("threads", 1) if run.get("device") == "cpu" else run.get("gpu_share", 1.0)
    ranks = run.get("ranks", 1)
    has_numbers = isinstance(share, int | float) and isinstance(ranks, int)
    if not has_numbers or not record.epochs_done:
        return 0.0
    return float(record.training_seconds * share * ranks / record.epochs_done)


def _estimate(record: TrialRecord, device: str, instructions: str) -> float | None:
    """Return what an epoch of a record was to cost, None where it names what is not known here."""
    try:
        return epoch_core_seconds(record.trial_spec, device, instructions)
    except (ValueError, KeyError, TtqBenchError):  # its fields, its model, its dataset
        return None


def epoch_core_seconds(spec: TrialSpec, device: str, instructions: str) -> float:
    """Return the core-seconds (GPU-seconds) of one epoch with evaluation, by counted operations."""
    data, model = spec.card, MODELS[spec.model]
    training = data.train_count - spec.validation_count
    images = TRAINING_PASSES * training + spec.validation_count + data.test_count
    steps = training / spec.recipe.batch_size
    if device != "cpu":
        work = images * model.multiply_adds / MULTIPLY_ADDS_PER_GPU_SECOND
        return work + steps * GPU_STEP_SECONDS
    rate = MULTIPLY_ADDS_PER_CORE_SECOND.get(instructions, SLOWEST)
    decoded = _images_of_an_epoch(spec) if is_streamed(spec.source_name) else 0
    work = images * model.multiply_adds / rate
    return work + steps * STEP_SECONDS + decoded / DECODED_PER_CORE_SECOND


def _images_of_an_epoch(spec: TrialSpec) -> int:
    """Return how many images an epoch reads: those it trains on, and those it evaluates."""
    return spec.card.train_count + spec.card.test_count


def feeding_cores(spec: TrialSpec) -> float:
    """Return how many cores decode streamed images as fast as a GPU trains on them."""
    core_seconds = _images_of_an_epoch(spec) / DECODED_PER_CORE_SECOND
    return core_seconds / epoch_core_seconds(spec, "cuda", NO_LEVEL)


def trial_core_seconds(spec: TrialSpec, epochs: int, rates: Rates) -> float:
    """Return the core-seconds that ``epochs`` epochs of a trial will take, without its start.

    A model without records is taken to be as fast, by operations, as the one nearest to it in size.
    """
    each = epoch_core_seconds(spec, rates.device, rates.instructions)
    if not rates.corrections:
        return epochs * each
    like = min(rates.corrections, key=lambda model: _ratio_of_sizes(model, spec.model))
    return epochs * each * rates.corrections[like]


def _ratio_of_sizes(one: str, other: str) -> float:
    """Return by how much the operations of two models differ: 0 for the same."""
    return abs(math.log(MODELS[one].multiply_adds / MODELS[other].multiply_adds))
