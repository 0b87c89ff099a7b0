"""What a node sees: its code, its images, the results folder, its clock, and how fast it trains.

``look`` runs on the node, in the code that is installed there; the driver compares. It returns
plain values, so that the driver notices another version of this file.
"""

import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pydantic

from ttq_bench.data.identity import cache_folder
from ttq_bench.doctor import images, results
from ttq_bench.doctor.images import Seen
from ttq_bench.doctor.machine import free_disk, free_memory
from ttq_bench.provenance import PACKAGES, collect_provenance
from ttq_bench.records.attempts.holder import this_host
from ttq_bench.records.remote.objects import is_url

VERSIONS = ("python", *PACKAGES)
MODEL, BATCH_SIZE, STEP_SECONDS = "lenet5", 128, 1.0


@dataclass(frozen=True, slots=True)
class NodeReport:
    """``results`` says why the folder cannot be used (empty: it can); ``gpus`` are torch's.

    ``clock`` is read last, in seconds since 1970; ``step_ms`` is the median step of LeNet-5 under
    TTQ, batch 128, on one thread or on a GPU. Sizes are bytes.
    """

    host: str
    code: Mapping[str, str]
    images: Mapping[str, Seen]
    results: str
    memory_free: int
    results_free: int
    cache_free: int
    gpus: int
    step_ms: float
    clock: float


NODE_REPORT = pydantic.TypeAdapter(NodeReport)


def look(data_dir: str, token_place: str, token: str) -> Mapping[str, Any]:
    """Return the fields of a ``NodeReport``; folders are absolute, as trials get them.

    ``token_place`` is a path or a URL of ``results.token_in``. Results at a URL are copied into the
    cache, so its disk counts for them.
    """
    folder = cache_folder() if is_url(token_place) else Path(token_place).parent
    gpus, step_ms = _step()
    fields = {
        "host": this_host(),
        "code": code(),
        "images": {
            name: asdict(seen) for name, seen in images.look(Path(data_dir), cache_folder()).items()
        },
        "results": results.seen_from_node(token_place, token),
        "memory_free": free_memory(),
        "results_free": free_disk(folder),
        "cache_free": free_disk(cache_folder()),
        "gpus": gpus,
        "step_ms": step_ms,
    }
    return fields | {"clock": time.time()}


def code() -> dict[str, str]:
    """Return the versions of what computes here."""
    known = collect_provenance()
    return {name: known[name] for name in (*VERSIONS, "ttq_bench", "commit", "arithmetic")}


def _step() -> tuple[int, float]:
    """Return how many GPUs torch sees, and the milliseconds of a training step."""
    import torch

    from ttq_bench.speed.pairing import take_turns
    from ttq_bench.speed.steps import Work, repeated_step
    from ttq_bench.training.recipe import Recipe
    from ttq_bench.training.steps import own_stream

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    torch.set_num_threads(1)
    device = torch.device("cuda" if gpus else "cpu")
    work = Work(MODEL, Recipe(epochs=1, batch_size=BATCH_SIZE), device)
    with own_stream(device):
        step = repeated_step(work, work.network("ttq"))
        times = take_turns({MODEL: step}, seconds=STEP_SECONDS, device=device)
    return gpus, 1000 * statistics.median(times[MODEL])
