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


def in_step(command: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Call the command; where ``--results`` is a URL, bring what is there first.

    The command finds ``results``, a folder, and ``url``, empty for results in a folder. What it
    says of the folder is said of the URL.
    """
    if isinstance(options.results, Path):
        options.url = ""
        _tell_of_foreign_files(options.results)
        return command(options)
    options.url = options.results
    options.results = mirror_folder(options.url)
    with _named(options.results, options.url):
        bring(options.results, options.url)
        return command(options)


def mirror_folder(url: str) -> Path:
    """Return the folder of this machine that follows ``url``."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return cache_folder().resolve() / "mirrors" / digest


@contextmanager
def in_folder(place: Path | str) -> Iterator[Path]:
    """Yield results that are only read as a folder, which follows the place if that is a URL.

    For commands that know two such places.
    """
    if isinstance(place, Path):
        _tell_of_foreign_files(place)
        yield place
        return
    folder = mirror_folder(place)
    with _named(folder, place):
        bring(folder, place)
        yield folder


def _tell_of_foreign_files(results: Path) -> None:
    """Name once what lies among the results and every reader passes over."""
    if found := foreign_files(ResultsPaths(results)):
        names = ", ".join(one_line(name, 120) for name in found[:SHOWN])
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        told = f"note: {one_line(str(results))}: passed over, for ttq-bench did not write it: "
        print(f"{told}{names}{more}", file=sys.stderr)


def bring(folder: Path, url: str) -> None:
    """Bring what is at the URL, into a folder that is looked over like any stranger's."""
    folder.mkdir(parents=True, exist_ok=True)
    kept_in(ResultsPaths(folder), url).bring()
    look_over(folder)


@contextmanager
def _named(folder: Path, url: str) -> Iterator[None]:
    """Have errors that name the folder name the URL instead."""
    try:
        yield
    except TtqBenchError as error:
        raise type(error)(str(error).replace(str(folder), url)) from error


def folder_of(options: argparse.Namespace) -> Folder:
    """Return how the results of a command are kept."""
    return kept_in(ResultsPaths(options.results), options.url)
