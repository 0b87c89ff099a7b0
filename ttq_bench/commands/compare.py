"""``ttq-bench compare A B``: where the records of two results folders differ, with intervals."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttq_bench.commands.at_url import results_at
from ttq_bench.commands.option_values import results_place
from ttq_bench.commands.options import add_json_option
from ttq_bench.errors import ResultsError
from ttq_bench.spec.training_version import TRAINING_VERSION
from ttq_bench.text import aligned, json_text

if TYPE_CHECKING:
    from ttq_bench.analysis.arms import Arm
    from ttq_bench.analysis.folder_comparison import ArmDifference, ChangedTrial, FolderComparison
    from ttq_bench.analysis.tables import Tables

DESCRIPTION = """\
Compare two results folders: which trials are equal to the bit, which have other numbers, and for
each arm that is in both the difference in test error with its 95 % interval. The exit code is 0
whatever is found."""
EXAMPLES = (
    "ttq-bench compare results /other/results",
    "ttq-bench compare results s3://bucket/results --json",
)
HEADER = ("arm", "n A", "n B", "error A", "error B", "B - A", "pairing", "verdict")
SHOWN = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: which two results, and how to print the comparison."""
    parser.add_argument("first", type=results_place, metavar="A", help="a results folder or URL")
    parser.add_argument(
        "second", type=results_place, metavar="B", help="another one; differences are B - A"
    )
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Print the comparison and return 0, whatever it finds."""
    from ttq_bench.analysis.folder_comparison import compare_folders  # pandas and scipy: 1 s

    comparison = compare_folders(_tables(options.first), _tables(options.second))
    if options.json:
        print(json_text(_as_json(comparison)))
    else:
        print("\n".join(describe(comparison, options.first, options.second)))
    return 0


def _tables(place: Path | str) -> Tables:
    from ttq_bench.analysis.tables import load_tables  # pandas: 1 s

    with results_at(place) as folder:
        results, root = folder.results, folder.results.root
        if not root.is_dir():
            raise ResultsError(f"{root}: no such folder; name two results folders")
        if not results.trials.is_dir():
            raise ResultsError(
                f"{root}: is no results folder, it has no folder trials; name another"
            )
        return load_tables(results)


def describe(found: FolderComparison, first: Path | str, second: Path | str) -> Iterator[str]:
    """Yield the comparison in lines: trials, changed ones, a table of arms, their weights."""
    yield f"A = {first}, B = {second}; errors in % of test images, intervals are 95 %"
    yield (
        f"trials: {len(found.repeated)} equal to the bit, {len(found.changed)} with other numbers,"
        f" {len(found.only_a)} only in A, {len(found.only_b)} only in B"
    )
    if found.left_out_a or found.left_out_b:
        yield (
            f"left out: {len(found.left_out_a)} of A, {len(found.left_out_b)} of B, made under"
            f" another training version than {TRAINING_VERSION}, the code's"
        )
    yield from map(_changed, found.changed[:SHOWN])
    if threads := sum(set(trial.circumstances) == {"threads"} for trial in found.changed):
        yield (
            f"  {threads} of these differ in the number of threads alone: sums in another order,"
            " which moves last bits and what training makes of them"
        )
    if len(found.changed) > SHOWN:
        yield f"  and {len(found.changed) - SHOWN} with smaller differences; --json lists all"
    if not found.arms:
        yield "no arm is in both: data, protocol, model, method, strategy and recipe must agree"
        return
    yield ""
    names = [_name(difference.arm, found.arms) for difference in found.arms]
    rows = [[n, *_cells(difference)] for n, difference in zip(names, found.arms, strict=True)]
    yield from aligned([HEADER, *rows])
    for name, difference in zip(names, found.arms, strict=True):
        if difference.sparsity and difference.verdict != "equal to the bit":
            yield ""
            yield name
            yield from _scales(difference)


def _changed(trial: ChangedTrial) -> str:
    errors = ("diverged" if e is None else f"{e:.2f}" for e in (trial.error_a, trial.error_b))
    by = "" if math.isnan(trial.difference) else f" ({trial.difference:+.2f})"
    made = "".join(f", {name} {a} -> {b}" for name, (a, b) in trial.circumstances.items())
    return f"  {trial.trial_id}: {' -> '.join(errors)}{by}{made}"


def _name(arm: Arm, others: Sequence[ArmDifference]) -> str:
    """Return the heading of an arm, with its recipe where the heading does not tell it apart."""
    from ttq_bench.report.naming import heading  # pandas: 1 s

    twins = sum(heading(other.arm) == heading(arm) for other in others)
    return f"{heading(arm)}, recipe {arm.recipe}" if twins > 1 else heading(arm)


def _cells(difference: ArmDifference) -> list[str]:
    from ttq_bench.report.sections.markdown import with_interval  # scipy: 1 s

    verdict = difference.verdict
    bound = f": at most {difference.largest:.2f}" if verdict == "no difference shown" else ""
    return [
        str(difference.error_a.n),
        str(difference.error_b.n),
        with_interval(difference.error_a),
        with_interval(difference.error_b),
        with_interval(difference.error, signed=True),
        difference.pairing,
        f"{verdict}{bound}",
    ]


def _scales(difference: ArmDifference) -> Iterator[str]:
    """Yield the differences in the quantized weights of one arm."""
    from ttq_bench.report.sections.markdown import with_interval  # scipy: 1 s

    if difference.rho_size:
        yield f"  mean |rho|, B - A: {with_interval(difference.rho_size, signed=True, digits=4)}"
    yield f"  share of zeros, B - A: {with_interval(difference.sparsity, signed=True, digits=4)}"


def _as_json(found: FolderComparison) -> dict[str, Any]:
    """Return the comparison as plain values."""
    arms = [
        {**asdict(a), "verdict": a.verdict, "largest_difference_allowed": a.largest}
        for a in found.arms
    ]
    changed = [{**asdict(trial), "difference": trial.difference} for trial in found.changed]
    return {**asdict(found), "changed": changed, "arms": arms}
