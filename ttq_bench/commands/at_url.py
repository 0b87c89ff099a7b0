"""Commands on results below a URL: they work on the folder of this machine that follows it."""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ttq_bench.data.identity import cache_folder
from ttq_bench.errors import TtqBenchError
from ttq_bench.foreign_folders import look_over
from ttq_bench.records.foreign_files import foreign_files
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.store import Folder, kept_in
from ttq_bench.text import one_line

SHOWN = 5
Command = Callable[[argparse.Namespace, Folder], int]


def in_step(command: Command, options: argparse.Namespace) -> int:
    """Call the command with its results; where ``--results`` is a URL, bring what is there first.

    What it says of the folder of this machine is said of the URL.
    """
    with results_at(options.results) as folder:
        return command(options, folder)


def mirror_folder(url: str) -> Path:
    """Return the folder of this machine that follows ``url``."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return cache_folder().resolve() / "mirrors" / digest


@contextmanager
def results_at(place: Path | str) -> Iterator[Folder]:
    """Yield the results at a place: a folder, or the one that follows a URL, brought into step."""
    if isinstance(place, Path):
        folder = kept_in(ResultsPaths(place), "")
        _tell_of_foreign_files(folder.results)
        yield folder
        return
    root = mirror_folder(place)
    with _named(root, place):
        root.mkdir(parents=True, exist_ok=True)
        folder = kept_in(ResultsPaths(root), place)
        folder.bring()
        look_over(root)  # like any stranger's
        yield folder


def _tell_of_foreign_files(results: ResultsPaths) -> None:
    """Name once what lies among the results and every reader passes over."""
    if found := foreign_files(results):
        names = ", ".join(one_line(name, 120) for name in found[:SHOWN])
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        told = f"note: {one_line(str(results.root))}: passed over, for ttq-bench did not write it: "
        print(f"{told}{names}{more}", file=sys.stderr)


@contextmanager
def _named(folder: Path, url: str) -> Iterator[None]:
    """Have errors that name the folder name the URL instead."""
    try:
        yield
    except TtqBenchError as error:
        raise type(error)(str(error).replace(str(folder), url)) from error
