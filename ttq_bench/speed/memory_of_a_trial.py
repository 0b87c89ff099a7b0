"""A trial as another process on the machine, up to its first steps: what P5 weighs.

It imports what the worker of a trial imports, and nothing of the benchmark's own.
"""

import contextlib
from itertools import islice
from multiprocessing.connection import Connection

import torch

from ttq_bench.records.paths import ResultsPaths
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.training.evaluation import BATCH, evaluate
from ttq_bench.training.loop import StoppedError, start, train
from ttq_bench.trial.allocator import keep_freed_memory
from ttq_bench.trial.inputs import batches_of, convert_, images_of, is_scale, starting_model
from ttq_bench.trial.settings import RunSettings

STEPS = 2  # the first makes what the optimiser keeps


def train_and_tell(spec: TrialSpec, settings: RunSettings, driver: Connection) -> None:
    """Train some steps of the trial, say so, go on to an evaluation when told, say so again."""
    keep_freed_memory()
    torch.set_num_threads(settings.threads)
    images = images_of(spec, settings)
    batches = batches_of(spec, images, settings)
    paths = ResultsPaths(settings.results)
    model, _ = starting_model(spec, images.classes, paths, torch.device(settings.device))
    convert_(model, spec)
    fuse_(model)
    state = start(model, spec.recipe, is_scale)
    with contextlib.suppress(StoppedError):
        next(train(state, batches, spec.recipe, _stop))
    driver.send("trained")
    driver.recv()
    held_out = islice(batches.held_out("test", BATCH), 2)
    evaluate(model, held_out, spec.recipe.precision)
    driver.send("evaluated")
    driver.recv()


def _stop(step: int, _: int) -> None:
    if step == STEPS:
        raise StoppedError
