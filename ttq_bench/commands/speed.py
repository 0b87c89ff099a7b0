"""``ttq-bench speed``: measure the goals about time in one run, or compare with earlier runs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ttq_bench.commands.option_values import positive
from ttq_bench.commands.options import add_results_option
from ttq_bench.errors import ResultsError, TtqBenchError, unknown_name
from ttq_bench.files import write_atomically
from ttq_bench.models.catalog import MODELS
from ttq_bench.provenance import source_commit
from ttq_bench.records.ownership import check_results_folder
from ttq_bench.training.recipe import LARGEST_BATCH, Recipe

if TYPE_CHECKING:
    from ttq_bench.report.sections.speed import Row
    from ttq_bench.speed.benchmark import Benchmark
    from ttq_bench.speed.figures import Figure
    from ttq_bench.speed.steps import Work

DESCRIPTION = """\
Measure how fast this machine trains, goal by goal, in a few minutes. Writes speed.md, speed.csv and
a roofline figure to the results folder. Run nothing else meanwhile."""
EXAMPLES = ("ttq-bench speed", "ttq-bench speed P1 P2 --seconds 10 --results /tmp/speed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to time, and how."""
    parser.add_argument(
        "goals", nargs="*", metavar="GOAL",
        help="goals to measure: P1 (steps against a plain trainer), P2 (steps of each method), P4"
        " (trials side by side), P8 (evaluation, statistics, checkpoints), P10 (on a GPU: an epoch,"
        " the paper's table) or roofline (peaks of the machine, and its layers); default: all",
    )  # fmt: skip
    parser.add_argument(
        "--compare", action="store_true",
        help="measure nothing; print what changed between the last run here and those before",
    )  # fmt: skip
    parser.add_argument("--model", default="resnet20", help="network to train")
    parser.add_argument(
        "--batch-size", type=positive, default=128, metavar="N", help="images in a training step"
    )
    parser.add_argument(
        "--seconds", type=positive, default=25, metavar="N", help="about how long each goal takes"
    )
    words = "auto: bf16 where the processor or the GPU has instructions for it"
    parser.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto", help=words)
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="cuda: the first GPU"
    )
    add_results_option(parser)


def run(options: argparse.Namespace) -> int:
    """Measure the goals, write ``speed.md``, ``speed.csv`` and the roofline, and return 0."""
    from ttq_bench.report.sections.speed import read_rows  # scipy: 1 s

    table = options.results / "speed.csv"
    rows = read_rows(table)
    if options.compare:
        return _compare(rows, table)
    _check(options)
    goals = _goals(options.goals, options.device)
    check_results_folder(options.results)
    _check_page(options.results / "speed.md")
    _measure(options, goals, rows, table)
    return 0


def _measure(
    options: argparse.Namespace, goals: tuple[str, ...], rows: list[Row], table: Path
) -> None:
    from ttq_bench.report.sections.speed import shown, write_rows
    from ttq_bench.speed import benchmark  # torch, pandas, seaborn: 6 s

    measured = benchmark.run(_work(options), goals, options.seconds, print)
    own_rows = _rows(measured)
    rows += own_rows
    write_rows(table, rows)
    _write_page(options.results, rows, measured)
    for row in own_rows:
        bound = f" (goal: {row['bound']}: {row['verdict']})" if row["bound"] else ""
        print(f"{row['goal']}  {row['quantity']}: {shown(row)}{bound}")
    if not options.goals and options.device == "cpu":
        print(f"{benchmark.GPU_ALONE}: not measured without --device cuda")
    print(f"speed: {options.results / 'speed.md'}")


def _work(options: argparse.Namespace) -> Work:
    import torch

    from ttq_bench.speed.steps import Work
    from ttq_bench.training.bfloat16 import has_instructions

    device = torch.device(options.device)
    precision = options.precision
    if precision == "auto":
        precision = "bf16" if device.type == "cuda" or has_instructions() else "fp32"
    recipe = Recipe(epochs=1, batch_size=options.batch_size, precision=precision)
    return Work(options.model, recipe, device)


def _compare(rows: list[Row], table: Path) -> int:
    from ttq_bench.report.sections.speed import compared, newest_run

    lines = compared(rows) if rows else []
    if lines:
        last = newest_run(rows)[0]
        print(f"{last['machine']}, {last['setting']}: run of {last['run']} against those before")
    print("\n".join(lines) or f"{table}: no two runs on one machine with one setting to compare")
    return 0


def _goals(asked: Sequence[str], device: str) -> tuple[str, ...]:
    """Return the goals that were asked for in any letters, or all that ``device`` can measure."""
    from ttq_bench.speed.benchmark import GOALS, GPU_ALONE

    known = {name.upper(): name for name in GOALS}
    for name in asked:
        if name.upper() not in known:
            raise unknown_name("speed", "goal", name, GOALS)
    chosen = {known[name.upper()] for name in asked}
    if device == "cpu" and GPU_ALONE in chosen:
        raise TtqBenchError(f"speed: {GPU_ALONE} needs a GPU; add --device cuda, or leave it out")
    measured = chosen or set(GOALS) - ({GPU_ALONE} if device == "cpu" else set())
    return tuple(name for name in GOALS if name in measured)


def _check(options: argparse.Namespace) -> None:
    import torch

    if options.model not in MODELS:
        raise unknown_name("speed", "model", options.model, MODELS)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise TtqBenchError("speed: --device cuda: no GPU is found; leave it out for the CPU")
    if options.batch_size > LARGEST_BATCH:
        raise TtqBenchError(
            f"speed: --batch-size: expected at most {LARGEST_BATCH}, got {options.batch_size}"
        )


def _check_page(path: Path) -> None:
    """Refuse to take the place of a page that is somebody else's, before anything is measured."""
    from ttq_bench.report.sections.speed import FIRST_LINE

    if path.exists() and not path.read_bytes().startswith(FIRST_LINE.encode()):
        raise ResultsError(
            f"{path}: lies where the measurements are to go and was not written by ttq-bench;"
            " give it another name, or name another folder with --results"
        )


def _rows(measured: Benchmark) -> list[Row]:
    import torch

    same = {
        "run": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "commit": source_commit(),
        "machine": measured.machine,
        "torch": torch.__version__.partition("+")[0],
        "setting": f"{measured.work.model}, batch {measured.work.recipe.batch_size},"
        f" {measured.work.recipe.precision}, {measured.threads} threads",
    }
    return [same | _row(figure) for figure in measured.figures]


def _row(figure: Figure) -> Row:
    fields = {name: "" if value is None else str(value) for name, value in asdict(figure).items()}
    for name in ("value", "low", "high"):
        number = getattr(figure, name)
        fields[name] = "" if number is None else f"{number:.6g}"
    return fields | {"bound": str(figure.bound or ""), "verdict": figure.verdict}


def _write_page(results: Path, rows: list[Row], measured: Benchmark) -> None:
    from ttq_bench.report.figures.roofline import GIGA, roofline  # seaborn: 2 s
    from ttq_bench.report.sections.speed import page

    if measured.places:
        peaks = {figure.unit: GIGA * figure.value for figure in measured.figures}
        name = _roofline_name(measured.machine)
        roofline(measured.places, peaks["GFLOP/s"], peaks["GB/s"], results, name)
    machines = {row["machine"] for row in rows}
    files = {machine: f"{_roofline_name(machine)}.png" for machine in machines}
    drawn = {machine: file for machine, file in files.items() if (results / file).exists()}
    write_atomically(results / "speed.md", page(rows, drawn).encode())


def _roofline_name(machine: str) -> str:
    return "speed-roofline-" + re.sub(r"[^a-z0-9]+", "-", machine.lower()).strip("-")
