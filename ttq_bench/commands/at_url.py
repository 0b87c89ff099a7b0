"""Results below a URL: commands work on a local copy of them, which follows the URL."""

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
    """Call the command with its results, which are fetched first where ``--results`` is a URL."""
    with results_at(options.results) as folder:
        return command(options, folder)


def mirror_folder(url: str) -> Path:
    """Return the folder of the local copy of ``url``."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return cache_folder().resolve() / "mirrors" / digest


@contextmanager
def results_at(place: Path | str) -> Iterator[Folder]:
    """Yield the results at a place: a folder, or the local copy of a URL, fetched now.

    Errors name the URL, not the local copy.
    """
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
        look_over(root)  # others may have written there
        yield folder


def _tell_of_foreign_files(results: ResultsPaths) -> None:
    """Print a note that names files among the results that ttq-bench did not write."""
    if files := foreign_files(results):
        names = ", ".join(one_line(name, 120) for name in files[:SHOWN])
        rest = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        note = f"note: {one_line(str(results.root))}: passed over, for ttq-bench did not write it: "
        print(f"{note}{names}{rest}", file=sys.stderr)


@contextmanager
def _named(folder: Path, url: str) -> Iterator[None]:
    """Put the URL in place of the folder in errors."""
    try:
        yield
    except TtqBenchError as error:
        raise type(error)(str(error).replace(str(folder), url)) from error
