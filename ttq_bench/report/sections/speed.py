"""``speed.md`` from the rows that benchmarks left in ``speed.csv``: goals, figures, what moved.

A row is one figure of one run, all of it text. Rows of one ``run`` belong together.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ttq_bench.errors import ResultsError
from ttq_bench.files import write_atomically
from ttq_bench.report.sections.markdown import table

COLUMNS = (
    "run", "commit", "machine", "torch", "setting", "goal", "quantity", "value", "low", "high",
    "n", "unit", "bound", "verdict",
)  # fmt: skip
Row = dict[str, str]
DIGITS = {"x": 3, "s": 2, "h": 2}
MEANINGS = {
    "P1": "an epoch's steps, data included: a trainer as usually published over ours",
    "P2": "a training step of each method over one of full precision",
    "P4": "trials an hour, side by side over one after the other",
    "P8": "evaluation, statistics and checkpoint beside an epoch's steps",
    "P10": "on a GPU: an epoch, and, in single precision, the hours of the paper's table",
    "roofline": "the machine's measured peaks, and a figure of how far below them each layer is",
}
REMARKS = {  # what figures of a goal do not say
    "P2": "P2: under autocast the weights of all ternary layers are rounded at once, those of full"
    " precision layer by layer; most likely that is why ratios on a GPU are below 1.",
}
FIRST_LINE = "# Speed"
MOVED = 0.1  # of a figure without an interval, or one that is no ratio


def read_rows(path: Path) -> list[Row]:
    """Return the rows of all runs, none without a file; ``ResultsError`` for another file."""
    if not path.exists():
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        if any(tuple(row) != COLUMNS or None in row.values() for row in rows):
            raise ValueError("its columns are others")
        for row in rows:
            _numbers(row)
    except (OSError, ValueError, csv.Error) as error:
        raise ResultsError(
            f"{path}: not the figures of earlier runs ({error}); restore it from version control,"
            " or delete it to begin anew"
        ) from error
    return rows


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows, whole or not at all."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, stream.getvalue().encode())


def page(rows: Sequence[Row], rooflines: Mapping[str, str]) -> str:
    """Return the page: of each machine and setting the last run of each goal, the newest first.

    ``rooflines`` are files of figures by machine.
    """
    lines = [
        FIRST_LINE,
        "",
        "Every ratio is of tasks that took turns inside one run: median times move with what else"
        " the machine does, ratios hardly. Intervals are 95 %, by Student's t over rounds.",
        "",
        *(f"- **{goal}**: {meaning}" for goal, meaning in MEANINGS.items()),
        "",
    ]
    for run in _last_runs(rows):
        lines += _section(run, rooflines.get(run[0]["machine"]))
        moved = compared(rows, run) or ["No earlier run on this machine and setting is known."]
        lines += ["Since the run before:", "", *moved, ""]
    return "\n".join(lines)


def _section(run: Sequence[Row], figure: str | None) -> list[str]:
    first = run[0]
    lines = [f"## {first['machine']}", "", f"{first['setting']}.", ""]
    for when in sorted({row["run"] for row in run}, reverse=True):
        part = [row for row in run if row["run"] == when]
        names = ", ".join(dict.fromkeys(row["goal"] for row in part))
        lines += [f"- {names}: run of {when}, commit {part[0]['commit']}, torch {part[0]['torch']}"]
    lines += [
        "",
        *table(
            ("goal", "what", "measured", "n", "bound", "verdict"),
            [
                (row["goal"], row["quantity"], shown(row), row["n"], row["bound"] or "–",
                 row["verdict"])
                for row in run
            ],
        ),
    ]  # fmt: skip
    goals = dict.fromkeys(row["goal"] for row in run)
    remarks = [REMARKS[goal] for goal in goals if goal in REMARKS]
    if remarks:
        lines += [*(f"- {remark}" for remark in remarks), ""]
    return lines + ([f"![Roofline]({figure})", ""] if figure else [])


def _last_runs(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows of each goal's last run on each machine and setting, the newest first."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["machine"], row["setting"]), []).append(row)
    runs = [_last_of_goals(group) for group in groups.values()]
    return sorted(runs, key=lambda run: max(row["run"] for row in run), reverse=True)


def compared(rows: Sequence[Row], last: Sequence[Row] | None = None) -> list[str]:
    """Return what moved to each ``last`` figure (the newest) from its run before, as Markdown.

    Runs are compared on the same machine, setting and torch. A ratio moved when the intervals of
    both runs share no value, another figure when it changed by more than a tenth. Empty where no
    figure was measured before.
    """
    last = last or newest_run(rows)
    pairs = [(then, now) for now in last if (then := _before(rows, now))]
    moved = [f"- {now['quantity']}: {shown(then)} → {shown(now)}" for then, now in pairs
             if _moved(then, now)]  # fmt: skip
    if moved or not pairs:
        return moved
    runs = dict.fromkeys(f"{then['run']} (commit {then['commit']})" for then, _ in pairs)
    return [f"None of {len(pairs)} figures moved since {', '.join(runs)}."]


def newest_run(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the last run."""
    newest = max(row["run"] for row in rows)
    return [row for row in rows if row["run"] == newest]


def _before(rows: Sequence[Row], now: Row) -> Row | None:
    """Return the same figure of the run before, if there is one."""
    alike = ("machine", "setting", "torch", "quantity")
    earlier = [
        row for row in rows
        if row["run"] < now["run"] and all(row[name] == now[name] for name in alike)
    ]  # fmt: skip
    return max(earlier, key=lambda row: row["run"], default=None)


def shown(row: Row) -> str:
    """Return a figure with its interval and unit."""
    value, low, high = _numbers(row)
    digits = DIGITS.get(row["unit"], 1)
    interval = f" [{low:.{digits}f}, {high:.{digits}f}]" if low is not None else ""
    return f"{value:.{digits}f}{interval} {row['unit'].replace('x', 'times')}"


def _moved(then: Row, now: Row) -> bool:
    (a, a_low, a_high), (b, b_low, b_high) = _numbers(then), _numbers(now)
    if a_low is None or a_high is None or b_low is None or b_high is None:
        return abs(b - a) > MOVED * abs(a)
    return a_low > b_high or b_low > a_high


def _numbers(row: Row) -> tuple[float, float | None, float | None]:
    value, low, high = (
        float(row[name]) if row[name] else None for name in ("value", "low", "high")
    )
    if value is None or not math.isfinite(value):
        raise ValueError(f"{row['quantity']!r} has no value")
    return value, low, high


def _last_of_goals(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the last run of each goal, goals in the order of their numbers."""
    newest: dict[str, str] = {}
    for row in rows:
        newest[row["goal"]] = max(row["run"], newest.get(row["goal"], ""))
    kept = [row for row in rows if row["run"] == newest[row["goal"]]]
    return sorted(kept, key=lambda row: (len(row["goal"]), row["goal"]))
