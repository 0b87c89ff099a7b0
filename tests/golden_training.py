"""The losses of short runs of every family of methods, and the table of what they must be.

``python -m tests.golden_training --write`` measures them anew into ``golden_losses.json``. That is
right after ``TRAINING_VERSION`` was raised because numbers change on purpose, and right after a new
version of torch under which the test within tolerances still passes; it is never right else.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pyarrow import parquet

from tests.data.builders import random_images, random_labels
from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.data.batches import TrialBatches
from ttq_bench.data.catalog import own_card
from ttq_bench.data.prepared import ImageSet
from ttq_bench.models.build import build_model
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.weights import weights_path
from ttq_bench.spec.training_version import TRAINING_VERSION
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.conversion import quantize_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.methods import METHODS as METHOD_CATALOG
from ttq_bench.training.checkpoints import load_state
from ttq_bench.training.loop import start, train
from ttq_bench.training.recipe import Recipe
from ttq_bench.trial.inputs import is_scale
from ttq_bench.trial.run import run_trial

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("golden_losses.json")
EPOCHS = 2
# One of each family. The others differ in one branch, which tests/ternary compares with slow twins;
# two of them would diverge here, or begin with a loss of hundreds.
METHODS = ("full_precision", "ttq", "ttq-tied", "ttq-ste", "twn", "bwn", "dorefa-w1")
LOSSES = ("train_loss", "validation_loss", "test_loss")
# ResNet-20 as the published tables train it: crops and flips, bf16, decay; and what only it shows.
# Random images and labels: every bit counts, what is learned does not.
FITTED = {"initial_scales": "least_squares"}
RESIDUAL: Mapping[str, tuple[str, dict[str, Any]]] = {
    **{f"resnet20 {method}": (method, {}) for method in METHOD_CATALOG},
    "resnet20 ttq fitted": ("ttq", FITTED),
    "resnet20 ttq-mean-grad fitted": ("ttq-mean-grad", FITTED),
    "resnet20 ttq channel": ("ttq", FITTED | {"granularity": "channel"}),
    "resnet20 ttq tanh": ("ttq", FITTED | {"normalise_latent": "tanh"}),
    "resnet20 ttq max": ("ttq", FITTED | {"normalise_latent": "max"}),
}
# In the third tier: methods that digits have, too, the network and its precision being those of the
# others.
REPEATED = {
    *(f"resnet20 {method}" for method in METHODS),
    "resnet20 ttq fitted",
    "resnet20 ttq-mean-grad fitted",
}
RESIDUAL_RECIPE = Recipe(
    epochs=EPOCHS, batch_size=4, learning_rate=0.01, label_smoothing=0.1, nesterov=True
)
# What picks other instructions, and with them another rounding, on another processor. Libraries
# read these when they are loaded, so a process has to be started with them.
PINS: Mapping[str, str] = {
    "ATEN_CPU_CAPABILITY": "default",  # torch's own kernels: neither AVX2 nor AVX-512
    "MKL_CBWR": "COMPATIBLE",  # matrix products of MKL: one branch for all processors
    "ONEDNN_MAX_CPU_ISA": "SSE41",  # oneDNN, which is switched off below as well
    # exp and log of the C library have variants with fused multiply-add; of two names for each
    # feature, one is that of glibc before 2.33.
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX2_Usable,-FMA_Usable,-FMA4_Usable",
    "CUDA_VISIBLE_DEVICES": "",
}

Trials = dict[str, dict[str, Any]]


def measure(part: str = "all", pins: Mapping[str, str] = PINS) -> dict[str, Any]:
    """Return the table as a process started with ``pins`` measures it.

    ``part`` is one of those that ``part_of`` names, ``all`` for every trial.
    """
    command = [sys.executable, "-m", "tests.golden_training", part]
    environment = {**os.environ, **pins}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def part_of(name: str) -> str:
    """Return with which others a trial of the table is measured."""
    if name not in RESIDUAL:
        return "digits"
    return "repeated" if name in REPEATED else "residual"


def golden_specs(cache: Path) -> list[TrialSpec]:
    """Return the trials of the tiny suite for each method, and ttq under both delta strategies."""
    specs = tiny_specs(cache, methods=METHODS, epochs=EPOCHS)
    return [s for s in specs if s.arm == "ttq" or not s.strategy.startswith("constant_sparsity")]


def golden_name(spec: TrialSpec) -> str:
    """Return the name of a trial in the table, which a change of its id does not change."""
    return f"{spec.arm} {spec.strategy}".strip()


def losses_of(results: Path, spec: TrialSpec) -> list[list[float]]:
    """Return ``LOSSES`` of each epoch of a finished trial."""
    path = ResultsPaths(results).trial(spec.trial_id).folder / "epochs.parquet"
    return [[row[name] for name in LOSSES] for row in parquet.read_table(path).to_pylist()]


def weights_digest(results: Path, spec: TrialSpec) -> str:
    """Return the sha256 of the final weights of a trial: a bit that no loss shows is seen here."""
    state = load_state(weights_path(ResultsPaths(results).trial(spec.trial_id)))
    assert state is not None
    return digest_of(state["model"])


def digest_of(weights: Mapping[str, torch.Tensor]) -> str:
    """Return the sha256 of named tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def train_digits(folder: Path) -> Trials:
    """Train the trials on digits in this process; return losses in hexadecimal, and weights."""
    settings = settings_for(folder / "results", folder / "cache")
    trials = {}
    for spec in golden_specs(folder / "cache"):
        outcome = run_trial(spec, settings, lambda: False)
        assert outcome == "finished", f"{golden_name(spec)}: {outcome}"
        epochs = losses_of(settings.results, spec)
        trials[golden_name(spec)] = {
            "losses": [[loss.hex() for loss in epoch] for epoch in epochs],
            "weights_sha256": weights_digest(settings.results, spec),
        }
    return trials


def random_set(count: int) -> ImageSet:
    """Return random images, ``count`` for training and 4 for the test."""
    pixels = torch.from_numpy(random_images(count + 4, seed=1))
    labels = torch.from_numpy(random_labels(count + 4, seed=1))
    return ImageSet(
        card=own_card("random", (3, 32, 32), 10, count, 4),
        train_images=pixels[:count], train_labels=labels[:count],
        test_images=pixels[count:], test_labels=labels[count:],
        mean=(127.5,) * 3, deviation=(73.6,) * 3, pixels_sha256="",
    )  # fmt: skip


def train_residual(name: str) -> dict[str, Any]:
    """Train ``RESIDUAL[name]`` for a few steps in this process; return as ``train_all`` does."""
    method, conversion = RESIDUAL[name]
    device = torch.device("cpu")
    batches = TrialBatches(
        random_set(20), seed=0, batch_size=RESIDUAL_RECIPE.batch_size, validation_count=4,
        augmentation=RESIDUAL_RECIPE.augmentation, device=device,
    )  # fmt: skip
    model = build_model("resnet20", classes=10, seed=0).to(memory_format=torch.channels_last)
    if method != "full_precision":
        fuse_(quantize_(model, method, **conversion))  # as trials do
    state = start(model, RESIDUAL_RECIPE, is_scale)
    epochs = [
        [result.train_loss, result.validation.loss, result.test.loss]
        for result in train(state, batches, RESIDUAL_RECIPE, lambda *_: None)
    ]
    return {
        "losses": [[loss.hex() for loss in epoch] for epoch in epochs],
        "weights_sha256": digest_of(state.model.state_dict()),
    }


def minor(version: str) -> str:
    """Return major and minor of a version: ``2.10`` of ``2.10.1+cpu``."""
    return ".".join(version.split(".")[:2])


def table(part: str) -> dict[str, Any]:
    """Return the trials of this process, and what they hold for."""
    # These choose kernels by processor, and no variable of the environment switches them off.
    torch.backends.mkldnn.set_flags(False)
    torch.backends.nnpack.set_flags(False)
    torch.set_num_threads(1)  # the table's; a trial sets it for itself
    trials: Trials = {}
    with tempfile.TemporaryDirectory() as folder:
        if part in ("digits", "all"):
            trials |= train_digits(Path(folder))
    trials |= {name: train_residual(name) for name in RESIDUAL if part in (part_of(name), "all")}
    return {
        "training_version": TRAINING_VERSION,
        "torch": minor(torch.__version__),
        "machine": platform.machine(),
        "trials": trials,
    }


if __name__ == "__main__":
    if "--write" in sys.argv:
        TABLE.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    else:
        json.dump(table(sys.argv[1]), sys.stdout)
