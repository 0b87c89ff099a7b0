"""What a trial starts from: its images, and its network before the first epoch."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ttq_bench.data.batches import Batches, TrialBatches
from ttq_bench.data.catalog import is_streamed
from ttq_bench.data.identity import identify
from ttq_bench.data.prepared import ImageSet, kept_images, load_images
from ttq_bench.data.sources import find_source
from ttq_bench.data.streaming.batches import StreamedBatches, StreamedImages, list_images
from ttq_bench.errors import DataError, QuantizationWarning, TtqBenchError
from ttq_bench.export.published import full_precision_weights
from ttq_bench.files import digest_path
from ttq_bench.models.build import build_model
from ttq_bench.models.state import load_weights
from ttq_bench.ranks import ALONE, Ranks
from ttq_bench.records.networks import is_whole
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.weights import weights_path
from ttq_bench.seeding import stream_seed
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.conversion import quantize_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.training.checkpoints import load_state
from ttq_bench.training.loop import TrainingState, start
from ttq_bench.trial.settings import RunSettings

SCALE_NAMES = ("positive_scale", "negative_scale")


def images_of(spec: TrialSpec, settings: RunSettings) -> ImageSet | StreamedImages:
    """Return the images of a trial; ``DataError`` if it was planned with other ones."""
    try:
        source = find_source(spec.source_name, settings.data_dir)
    except DataError:
        sent = settings.images and kept_images(settings.images, settings.cache)
        if not sent:
            raise
        return sent
    card = identify(source, settings.cache)
    if card.fingerprint != spec.data_fingerprint:
        raise DataError(
            f"{settings.data_dir}: holds {card.name} ({card.fingerprint[:19]}...),"
            f" the trial was planned with {spec.dataset} ({spec.data_fingerprint[:19]}...)"
        )
    if is_streamed(source.dataset):
        return list_images(source, card)
    return load_images(source, card, settings.cache)


def batches_of(
    spec: TrialSpec,
    images: ImageSet | StreamedImages,
    settings: RunSettings,
    ranks: Ranks = ALONE,
) -> Batches:
    """Return the batches of a trial on its device, or one rank's shares of them.

    Streamed images are decoded by as many processes as the trial has threads, less one that feeds
    the GPU. On a CPU the threads train, and decoding takes a hundredth of that: no process more.
    """
    values: dict[str, Any] = {
        "seed": spec.batch_seed,
        "batch_size": spec.recipe.batch_size,
        "validation_count": spec.validation_count,
        "augmentation": spec.recipe.augmentation,
        "device": torch.device(settings.device),
        "ranks": ranks,
    }
    recipe, trained = spec.recipe, spec.card.train_count - spec.validation_count
    if recipe.micro_batches > 1 and trained < recipe.batch_size:
        raise DataError(
            f"{spec.dataset}: {trained:,} images to train on fill no batch of {recipe.batch_size},"
            f" which micro_batches: {recipe.micro_batches} needs"
        )
    if isinstance(images, ImageSet):
        return TrialBatches(images, **values)
    workers = max(1, settings.threads - 1) if settings.device == "cuda" else 0
    return StreamedBatches(images, workers=workers, **values)


def starting_model(
    spec: TrialSpec, classes: int, results: ResultsPaths, device: torch.device
) -> tuple[nn.Module, str | None]:
    """Return the network before conversion, and its parent's sha256 (None: a fresh network)."""
    model = build_model(spec.model, classes=classes, seed=stream_seed(spec.seed, "init"))
    digest = None
    if spec.parent is not None:
        weights, digest, source = _parent_weights(results.trial(spec.parent))
        load_weights(model, weights, source=str(source))
    place_(model, device)
    return model, digest


def place_(model: nn.Module, device: torch.device | str) -> None:
    """Move a network to a device in place, with the memory format in which trials train it."""
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _parent_weights(paths: TrialPaths) -> tuple[dict[str, Tensor], str, Path]:
    """Return the weights of a parent, their digest and their file, the published one if there."""
    if is_whole(paths.network):
        return *full_precision_weights(paths.network), paths.network
    path = weights_path(paths)
    saved = load_state(path)
    state = saved.get("model") if saved else None
    if not isinstance(state, dict):
        raise TtqBenchError(
            f"{path}: weights of the parent are missing or damaged; run the suite again"
            " (where they stay damaged, delete this file first)"
        )
    return state, digest_path(path).read_text(encoding="ascii").strip(), path


def convert_(model: nn.Module, spec: TrialSpec) -> None:
    """Convert the network in place as the trial says; full precision stays as it is."""
    if spec.quantization is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", QuantizationWarning)  # the plan said so
        quantize_(
            model,
            spec.quantization.method,
            spec.quantization.strategy,
            **spec.quantization.conversion.model_dump(),
        )


def state_of(model: nn.Module, spec: TrialSpec) -> TrainingState:
    """Convert the network in place as the trial says; return its state before the first step."""
    convert_(model, spec)
    return start(fuse_(model), spec.recipe, is_scale)


def is_scale(parameter_name: str) -> bool:
    """Return whether a parameter is one of the learned scales."""
    return parameter_name.rpartition(".")[2] in SCALE_NAMES
