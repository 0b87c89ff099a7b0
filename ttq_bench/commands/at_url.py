"""Commands on results below a URL: they work on the folder of this machine that follows it."""

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

from ttq_bench.data.identity import cache_folder
from ttq_bench.errors import TtqBenchError
from ttq_bench.foreign_folders import look_over
from ttq_bench.records.mirror import Folder, kept_in
from ttq_bench.records.paths import ResultsPaths


def in_step(command: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Call the command; where ``--results`` is a URL, bring what is there first.

    The command finds ``results``, a folder, and ``url``, empty for results in a folder. What it
    says of the folder is said of the URL.
    """
    if isinstance(options.results, Path):
        options.url = ""
        return command(options)
    options.url = options.results
    options.results = mirror_folder(options.url)
    try:
        bring(options)
        return command(options)
    except TtqBenchError as error:
        raise type(error)(str(error).replace(str(options.results), options.url)) from error


def mirror_folder(url: str) -> Path:
    """Return the folder of this machine that follows ``url``."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return cache_folder().resolve() / "mirrors" / digest


def bring(options: argparse.Namespace) -> None:
    """Bring what is at the URL, into a folder that is looked over like any stranger's."""
    options.results.mkdir(parents=True, exist_ok=True)
    folder_of(options).bring()
    look_over(options.results)


def folder_of(options: argparse.Namespace) -> Folder:
    """Return how the results of a command are kept."""
    return kept_in(ResultsPaths(options.results), options.url)
