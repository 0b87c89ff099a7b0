"""The table of faults, their bars, and ``results/robustness.md`` made from what tests measured."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import metadata  # not Ray itself, which would read its environment too early
from pathlib import Path

import pydantic
import torch

from ttq_bench.files import write_atomically
from ttq_bench.provenance import processor_name, source_commit

FAULTS = {
    "F1": (
        "an exception, and a kill, at the k-th file operation of saving, publishing and table"
        " writing, for every k",
        "old or new state, never neither; resume works",
    ),
    "F2": (
        "the same with no space, I/O error, no permission, short write",
        "one clear sentence, exit code not 0, clean resume",
    ),
    "F3": (
        "truncation at 50 offsets, 200 random bit flips in checkpoint, record and lease",
        "all noticed; none accepted silently",
    ),
    "F4": (
        "driver killed (SIGKILL) at random times on a small grid",
        "records identical to an undisturbed run apart from times; none lost, none twice",
    ),
    "F5": (
        "worker ended by SIGKILL, SIGTERM, os._exit, segmentation fault",
        "the same; cause recorded",
    ),
    "F6": (
        "3 Ray nodes: a raylet killed, a node removed, all lost and one added",
        "goes on within 5 s; waits and says so",
    ),
    "F7": (
        "head killed; a new cluster and driver at once while the old worker lives",
        "one published record; the old attempt fenced off",
    ),
    "F8": (
        "network partition between namespaces, down and up",
        "new attempt within 90 s; no hang; late attempt rejected",
    ),
    "F9": (
        "memory exhausted (host; simulated on CUDA)",
        "ends as failed: oom after 2 attempts; the others finish; exit code 3",
    ),
    "F10": (
        "a task that hangs (SIGSTOP, then SIGCONT)",
        "replaced at the deadline; publishes nothing late",
    ),
    "F11": (
        "two drivers on one folder; 8 processes publish one id, 100 rounds",
        "one wins, 0 violations",
    ),
    "F12": ("stop and resume at every epoch, every method and strategy", "weights torch.equal"),
    "F13": ("code, suite or data change between kill and resume", "noticed; never mixed"),
    "F14": (
        "Ctrl-C once, twice, SIGTERM, SIGHUP",
        "exit 130/143 (129 for SIGHUP), no process left after 10 s, resume line printed",
    ),
    "F15": (
        "read-only results, clock an hour back, full /dev/shm, Ray already running, missing token",
        "one clear sentence each",
    ),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """How one test of a fault ended, what it measured, at which commit and with which counts."""

    test: str
    fault: str
    outcome: str
    measured: tuple[str, ...]
    reason: str = ""
    commit: str = ""
    counts: str = ""


SEEN = pydantic.TypeAdapter(list[Seen])


def write_table(path: Path, seen: Iterable[Seen], *, full: bool) -> None:
    """Write the table of all faults; one that no test met stands there as not run.

    What earlier runs saw of other tests stays, each with its commit: ``robustness.json`` keeps it.
    """
    counts = "full" if full else "short"
    mine = [replace(one, commit=source_commit(), counts=counts) for one in seen]
    kept = path.with_suffix(".json")
    before = SEEN.validate_json(kept.read_bytes()) if kept.exists() else []
    met = {one.test for one in mine}
    both = [*(one for one in before if one.test not in met and _exists(one.test)), *mine]
    both.sort(key=lambda one: (int(one.fault[1:]), one.test))
    write_atomically(kept, SEEN.dump_json(both, indent=1) + b"\n")
    lines = [
        "# Robustness",
        "",
        "Kill anything, rerun the same command, lose at most one epoch, get the same numbers: what"
        " `make faults` measured, in real processes, on real Ray clusters, file systems and network"
        " namespaces. Raised, and not provoked: the errors of single file operations (F1, F2) and a"
        " GPU that is out of memory (F9). `+dirty`: measured before a commit of the same day.",
        "",
        f"Python {platform.python_version()}, torch {torch.__version__.partition('+')[0]}, Ray"
        f" {metadata.version('ray')}, {processor_name()}, {len(os.sched_getaffinity(0))} cores.",
        "",
        "| # | fault | bar | measured | verdict | commit |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, (fault, bar) in FAULTS.items():
        mine = [one for one in both if one.fault == name]
        measured = "<br>".join(text for one in mine for text in (*one.measured, one.reason) if text)
        commits = ", ".join(sorted({f"{one.commit} ({one.counts})" for one in mine}))
        lines.append(
            f"| {name} | {fault} | {bar} | {measured or '-'} | {_verdict(mine)} | {commits} |"
        )
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _exists(test: str) -> bool:
    file, _, name = test.partition("::")
    path = Path(file)
    return path.exists() and f"def {name.partition('[')[0]}(" in path.read_text(encoding="utf-8")


def _verdict(mine: list[Seen]) -> str:
    counts = {name: sum(one.outcome == name for one in mine) for name in ("failed", "skipped")}
    if not mine:
        return "**not run**"
    if counts["failed"]:
        return f"**failed** ({counts['failed']} of {len(mine)} tests)"
    if counts["skipped"]:
        return f"held, but {counts['skipped']} of {len(mine)} tests not run"
    short = "short counts" if any(one.counts == "short" for one in mine) else ""
    tests = f"{len(mine)} tests" if len(mine) > 1 else ""
    told = ", ".join(filter(None, (tests, short)))
    return f"held ({told})" if told else "held"
