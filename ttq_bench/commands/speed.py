"""``ttq-bench speed``: what a training step of each method costs, over full precision."""

import argparse
import json
import math
import os
import statistics

import torch

from ttq_bench.analysis.statistics import estimate
from ttq_bench.errors import TtqBenchError, unknown_name
from ttq_bench.execution.speed import BASELINE, StepTimes, time_steps
from ttq_bench.models.catalog import MODELS
from ttq_bench.provenance import processor_name
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.thresholds import check_strategy
from ttq_bench.training.recipe import LARGEST_BATCH, Recipe

FEWEST_ROUNDS = 2


def measure(options: argparse.Namespace) -> int:
    """Measure, print one line a method, and return 0."""
    methods = list(dict.fromkeys([BASELINE, *options.methods]))
    for name in methods:
        if name not in METHODS:
            raise unknown_name("speed", "method", name, METHODS)
    if options.model not in MODELS:
        raise unknown_name("speed", "model", options.model, MODELS)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise TtqBenchError("speed: --device cuda: no GPU is found; leave it out for the CPU")
    strategy = _strategy(options.strategy)
    if options.rounds < FEWEST_ROUNDS:
        raise TtqBenchError(f"speed: --rounds: an interval needs at least {FEWEST_ROUNDS}, got 1")
    cores = len(os.sched_getaffinity(0))
    for option, given, most in (
        ("batch-size", options.batch_size, LARGEST_BATCH), ("threads", options.threads, cores),
    ):  # fmt: skip
        if given > most:
            raise TtqBenchError(f"speed: --{option}: expected at most {most}, got {given}")
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    recipe = Recipe(epochs=1, batch_size=options.batch_size, precision=options.precision)
    times = time_steps(
        methods,
        recipe,
        strategy=strategy,
        model=options.model,
        device=device,
        rounds=options.rounds,
    )
    rows = {name: _row(times, name) for name in methods}
    name = torch.cuda.get_device_name() if device.type == "cuda" else processor_name()
    if options.json:
        print(json.dumps({"device": name, "rounds": options.rounds, "methods": rows}, indent=2))
        return 0
    print(
        f"one training step of {options.model}, {strategy}, batch {options.batch_size},"
        f" {options.precision}, {options.threads} threads, {options.rounds} rounds, {name}"
    )
    print(f"{'':18}{'median ms':>10}{'over full precision':>22}")
    for method, row in rows.items():
        interval = f"{row['ratio']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        print(f"{method:18}{row['median_ms']:>10.1f}{interval if method != BASELINE else '1':>22}")
    return 0


def _strategy(text: str) -> DeltaStrategy:
    """Return the strategy written as ``NAME:NUMBER``."""
    name, _, number = text.partition(":")
    try:
        strategy = DeltaStrategy(name, float(number))
    except ValueError as error:
        raise TtqBenchError(
            f"speed: --strategy: expected NAME:NUMBER, for example max_fraction:0.05; got {text!r}"
        ) from error
    check_strategy("speed: --strategy", strategy)
    return strategy


def _row(times: StepTimes, method: str) -> dict[str, float]:
    """Return the median time, and the geometric mean of the ratios with its 95 % interval."""
    found = estimate([math.log(ratio) for ratio in times.ratios(method)])
    return {
        "median_ms": 1000 * statistics.median(times.seconds[method]),
        "ratio": math.exp(found.mean),
        "low": math.exp(found.low),
        "high": math.exp(found.high),
    }
