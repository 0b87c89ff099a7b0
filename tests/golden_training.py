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

from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.execution.trial import run_trial
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.training_version import TRAINING_VERSION
from ttq_bench.suite.spec import TrialSpec
from ttq_bench.training.checkpoints import load_state

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("golden_losses.json")
EPOCHS = 2
# One of each family. The others differ in one branch, which tests/ternary compares with slow twins;
# two of them would diverge here, or begin with a loss of hundreds.
METHODS = ("full_precision", "ttq", "ttq-tied", "ttq-ste", "twn", "bwn", "dorefa-w1")
LOSSES = ("train_loss", "validation_loss", "test_loss")
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


def measure(pins: Mapping[str, str] = PINS) -> dict[str, Any]:
    """Return the table as a process started with ``pins`` measures it."""
    command = [sys.executable, "-m", "tests.golden_training"]
    environment = {**os.environ, **pins}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


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
    state = load_state(ResultsPaths(results).trial(spec.trial_id).weights)
    assert state is not None
    digest = hashlib.sha256()
    for name, weights in sorted(state["model"].items()):
        digest.update(name.encode() + weights.contiguous().numpy().tobytes())
    return digest.hexdigest()


def train_all(folder: Path) -> Trials:
    """Train every trial in this process; return losses as hexadecimal digits, and weights."""
    # These choose kernels by processor, and no variable of the environment switches them off.
    torch.backends.mkldnn.set_flags(False)
    torch.backends.nnpack.set_flags(False)
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


def minor(version: str) -> str:
    """Return major and minor of a version: ``2.10`` of ``2.10.1+cpu``."""
    return ".".join(version.split(".")[:2])


def table() -> dict[str, Any]:
    """Return the trials of this process, and what they hold for."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            "training_version": TRAINING_VERSION,
            "torch": minor(torch.__version__),
            "machine": platform.machine(),
            "trials": train_all(Path(folder)),
        }


if __name__ == "__main__":
    if "--write" in sys.argv:
        TABLE.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    else:
        json.dump(table(), sys.stdout)
