"""Loaded by every Python process whose PYTHONPATH names this folder: does a fault in Ray workers.

``TTQ_BENCH_FAULT`` holds ``KIND@EPOCH`` or, by seed, ``KIND,KIND,...@EPOCH``: the first attempt of
the trial with seed s does the s-th kind when it has trained EPOCH epochs. Kinds that repeat at
every attempt end in ``!``. The product knows nothing of this.
"""

import importlib.abc
import os
import sys

TARGET = "ttq_bench.trial.epochs"


def _exit():
    os._exit(1)


def _segfault():
    import ctypes

    ctypes.string_at(0)


def _fill_memory():
    held = []
    while True:  # until the system, or Ray's memory monitor, ends it
        held.append(b"\1" * (64 << 20))
        __import__("time").sleep(0.02)


def _fill_gpu():
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB (injected)")


def _raise():
    raise ValueError("injected")


KINDS = {
    "exit": _exit,
    "segfault": _segfault,
    "error": _raise,
    "memory": _fill_memory,
    "cuda-memory": _fill_gpu,
    "stop": lambda: os.kill(os.getpid(), 15),  # of a run in one process
    "none": lambda: None,
}


def _inject(module):
    kinds, _, epoch = os.environ["TTQ_BENCH_FAULT"].partition("@")
    kinds = kinds.split(",")
    save = module.EpochLoop.save

    def save_and_fail(self, state):
        save(self, state)
        kind = kinds[self.spec.seed % len(kinds)]
        first = state.epoch == int(epoch) and self.heartbeat.attempt.number == 1
        if first or (kind.endswith("!") and state.epoch >= int(epoch)):
            KINDS[kind.rstrip("!")]()

    module.EpochLoop.save = save_and_fail


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (execute(module), _inject(module))
        return spec


if os.environ.get("TTQ_BENCH_FAULT"):
    import importlib.util

    sys.meta_path.insert(0, _Finder())
