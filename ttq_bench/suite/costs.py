"""How long a trial takes: counted operations over a measured rate.

The rate comes from the records at hand where there are any (same model, device, processor and level
of instructions), otherwise from the figures below, which were measured on two machines and are
rough elsewhere. Records that tell no level are older; one name of a processor may stand for several
levels, so these count only where no record of this level is there.
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
UNTOLD = ""  # the level of a record that tells none
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
    seen: dict[str, dict[str, list[float]]] = {}
    known: dict[str, TrialSpec | None] = {}  # seeds differ in nothing that costs time
    for record in records:
        spent = _spent_an_epoch(record)
        if not _made_on(record, device, gpu or processor) or not 0 < spent < math.inf:
            continue
        kind = json.dumps({**record.spec, "seed": 0, "parent": None})
        if kind not in known:
            known[kind] = _spec_of(record)
        if (spec := known[kind]) is not None:
            ratio = spent / epoch_core_seconds(spec, device, instructions)
            level = instructions if gpu else record.provenance.get("instructions", UNTOLD)
            seen.setdefault(level, {}).setdefault(spec.model, []).append(ratio)
    found = seen.get(instructions) or seen.get(UNTOLD, {})
    corrections = {model: median(ratios) for model, ratios in found.items()}
    return Rates(device, corrections, instructions)


def _made_on(record: TrialRecord, device: str, name: str) -> bool:
    on_gpu = device == "cuda"
    its_name = record.run.get("device_name") if on_gpu else record.provenance.get("processor")
    return record.run.get("device") == device and its_name == name


def _spent_an_epoch(record: TrialRecord) -> float:
    """Return the core-seconds (GPU-seconds) of an epoch of a record, 0 where it does not say."""
    run = record.run
    share = run.get("threads", 1) if run.get("device") == "cpu" else run.get("gpu_share", 1.0)
    ranks = run.get("ranks", 1)
    told = isinstance(share, int | float) and isinstance(ranks, int)
    if not told or not record.epochs_done:
        return 0.0  # nothing that was recorded here
    return float(record.training_seconds * share * ranks / record.epochs_done)


def _spec_of(record: TrialRecord) -> TrialSpec | None:
    """Return the spec of a record, None where its fields or names are not known here."""
    try:
        spec = record.trial_spec
    except ValueError:
        return None
    return spec if spec.model in MODELS and _is_known(spec) else None


def _is_known(spec: TrialSpec) -> bool:
    try:
        return bool(spec.card)
    except TtqBenchError:
        return False


def epoch_core_seconds(spec: TrialSpec, device: str, instructions: str) -> float:
    """Return the core-seconds (GPU-seconds) of one epoch with evaluation, by counted operations."""
    data, model = spec.card, MODELS[spec.model]
    training = data.train_count - spec.validation_count
    images = TRAINING_PASSES * training + spec.validation_count + data.test_count
    core = MULTIPLY_ADDS_PER_CORE_SECOND.get(instructions, SLOWEST)
    on_cpu = device == "cpu"
    rate, a_step = (
        (core, STEP_SECONDS) if on_cpu else (MULTIPLY_ADDS_PER_GPU_SECOND, GPU_STEP_SECONDS)
    )
    steps = training / spec.recipe.batch_size
    seen = training + spec.validation_count + data.test_count
    decoding = seen / DECODED_PER_CORE_SECOND if on_cpu and is_streamed(spec.source_name) else 0.0
    return images * model.multiply_adds / rate + steps * a_step + decoding


def feeding_cores(spec: TrialSpec) -> float:
    """Return how many cores decode streamed images as fast as a GPU trains on them."""
    training = spec.card.train_count - spec.validation_count
    images = training + spec.validation_count + spec.card.test_count
    return images / DECODED_PER_CORE_SECOND / epoch_core_seconds(spec, "cuda", UNTOLD)


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
