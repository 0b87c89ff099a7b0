"""P5: the wait for the images of a machine's first trial, and the memory of a further one."""

import multiprocessing
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow
import torch
import torch.nn.functional as F
from pyarrow import parquet
from torchvision.io import encode_jpeg

from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.identity import Identity, identify, prepared_folder
from ttq_bench.data.prepared import load_images
from ttq_bench.data.sources import find_source
from ttq_bench.errors import TtqBenchError
from ttq_bench.spec.trial import Conversion, Quantization, TrialSpec
from ttq_bench.speed.figures import Bound, Figure
from ttq_bench.speed.memory_of_a_trial import train_and_tell
from ttq_bench.speed.pairing import fastest
from ttq_bench.speed.processes import Memory, memory_of
from ttq_bench.speed.steps import Work
from ttq_bench.ternary.conversion import PAPER_STRATEGY
from ttq_bench.training.recipe import Recipe
from ttq_bench.trial.settings import RunSettings

CARD = DATASETS["cifar10"]
NETWORK = "resnet20"
DISTINCT = 1_000  # pictures; all others repeat them, which decoding does not notice
QUALITY = 95
COARSE = 8  # pixels a side that a picture is drawn with: JPEGs of noise would be too long
PATIENCE_SECONDS = 300.0
FURTHER_MEGABYTES = Bound("at most", 600.0)


def measure(work: Work, train: int = CARD.train_count, test: int = CARD.test_count) -> list[Figure]:
    """Return the figures of a data set of so many JPEGs in a cache of its own.

    The trials are of ``NETWORK``, which takes such images, with the recipe of ``work``.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder, train, test)
        source = find_source("cifar10", folder)
        identity = identify(source, folder)
        started = time.perf_counter()
        load_images(source, identity, folder)
        decoding = time.perf_counter() - started
        cpu = torch.device("cpu")
        mapping = fastest(lambda: load_images(source, identity, folder), cpu)
        files = prepared_folder(identity, folder).glob("*.npy")
        shared = sum(path.stat().st_size for path in files)
        trained, evaluated = memory_of_a_trial(work.recipe, identity, folder)
    what = f"{train + test:,} JPEG images"
    further = f"a further trial of {NETWORK}, {work.recipe.precision}"
    return [
        Figure("P5", f"{what} decoded and kept, once a machine", decoding, "s"),
        Figure("P5", f"{what} mapped by a later trial", mapping, "s"),
        Figure("P5", f"{what}, shared by all trials of a machine", shared / 1e6, "MB"),
        Figure(
            "P5", f"{further}: memory of its own after a step", trained.own / 1e6, "MB",
            bound=FURTHER_MEGABYTES,
        ),
        Figure("P5", f"{further}: the same after an evaluation", evaluated.own / 1e6, "MB"),
        Figure("P5", f"{further}: resident, shared pages too", trained.resident / 1e6, "MB"),
    ]  # fmt: skip


def write_pictures(folder: Path, train: int, test: int) -> None:
    """Write pictures of CIFAR-10's size as Parquet files of JPEGs, in the usual hub layout."""
    channels, height, width = CARD.image_shape
    torch.manual_seed(0)
    coarse = torch.rand(min(DISTINCT, train), channels, COARSE, COARSE)
    pictures = (255 * F.interpolate(coarse, (height, width), mode="bicubic")).clamp(0, 255).byte()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The image decoding", DeprecationWarning)
        contents = [bytes(encode_jpeg(picture, quality=QUALITY).numpy()) for picture in pictures]
    for split, count in (("train", train), ("test", test)):
        structs = [{"bytes": contents[i % len(contents)], "path": None} for i in range(count)]
        labels = [i % CARD.classes for i in range(count)]
        table = pyarrow.table({"img": structs, "label": labels})
        parquet.write_table(table, folder / f"{split}.parquet", row_group_size=len(contents))


def memory_of_a_trial(recipe: Recipe, identity: Identity, folder: Path) -> tuple[Memory, Memory]:
    """Return the memory of the second of two trials after some steps, and after an evaluation."""
    spec = TrialSpec(
        protocol="speed", dataset=identity.name, data_fingerprint=identity.fingerprint,
        validation_count=min(CARD.validation_count, identity.train_count // 2), model=NETWORK,
        seed=0, recipe=recipe,
        quantization=Quantization(
            method="ttq", strategy=PAPER_STRATEGY, conversion=Conversion()
        ),
    )  # fmt: skip
    settings = RunSettings(folder / "results", folder, folder, "cpu")
    with _trial(spec, settings), _trial(spec, settings) as (process, trial):
        trained = memory_of(process)
        trial.send("go on")
        _hear(trial)
        return trained, memory_of(process)


@contextmanager
def _trial(spec: TrialSpec, settings: RunSettings) -> Iterator[tuple[int, Connection]]:
    """Start a trial, wait for its first steps, and end it afterwards."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=train_and_tell, args=(spec, settings, theirs), daemon=True)
    try:
        process.start()
        theirs.close()
        _hear(mine)
        assert process.pid is not None
        yield process.pid, mine
    finally:
        process.kill()
        process.join()


def _hear(trial: Connection) -> None:
    try:
        if not trial.poll(PATIENCE_SECONDS):
            raise TtqBenchError(f"speed: P5: a trial took over {PATIENCE_SECONDS:.0f} s")
        trial.recv()
    except EOFError as error:
        raise TtqBenchError("speed: P5: a trial died before its first steps were done") from error
