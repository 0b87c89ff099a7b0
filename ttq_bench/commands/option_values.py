"""Readers of the values of options; each refuses a bad value in one sentence."""

import argparse
import errno
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ttq_bench.errors import TtqBenchError, did_you_mean
from ttq_bench.execution.ray.address import dashboard_url, host_and_port, resolved
from ttq_bench.records.remote.objects import checked_url, is_url
from ttq_bench.suite.shipped import shipped_suites
from ttq_bench.text import one_line, seconds_in, without_credentials

MOST_BYTES = 3000  # of a path; the system allows 4096, and names of trials and files come below it
MOST_LEVELS = 200
SHOWN = 80
NO_IMAGES = "images cannot be read from object storage"
TIMES = ("--time-limit", "--silence", "--timeout", "--checkpoint-every")
NEGATIVE = re.compile(r"-\.?\d.*")
T = TypeVar("T")


def positive(text: str) -> int:
    """Return the whole number above 0 that ``text`` says."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def address(text: str) -> str:
    """Return ``text`` if it is the address of a Ray cluster."""
    _read(lambda given: host_and_port(resolved(given)), text)
    return text


def dashboard(text: str) -> str:
    """Return the URL of a cluster's dashboard that ``text`` says."""
    return _read(dashboard_url, text)


def results_place(text: str) -> Path | str:
    """Return where results are: the path of a folder, or a URL of object storage as text."""
    return _read(checked_url, text) if is_url(text) else local_path(text)


def local_path(text: str) -> Path:
    """Return the path of a file or folder; a tilde is somebody's home, as in a shell.

    Its name has to be UTF-8, and no ring of links: reports, records and Ray keep names as UTF-8, so
    that some would fail halfway and others write elsewhere. It leaves room for names below it.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is empty; name a folder, . for this one")
    given = _read(in_home, text)
    shown = repr(one_line(text, SHOWN))
    try:
        too_long = len(str(given.absolute()).encode()) > MOST_BYTES
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError(
            f"the path {shown} is not UTF-8 as a whole; give the folder another name"
        ) from error
    if too_long or len(given.parts) > MOST_LEVELS:
        raise argparse.ArgumentTypeError(
            f"the path {shown} is too long: expected at most {MOST_BYTES:,} bytes and {MOST_LEVELS}"
            " folders; name a shorter one"
        )
    try:
        given.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise argparse.ArgumentTypeError(f"the path {shown} is a ring of links") from error
        if error.errno == errno.ENAMETOOLONG:
            raise argparse.ArgumentTypeError(
                f"the path {shown} has a name that is too long for this file system; name a shorter"
                " one"
            ) from error
    return given


def in_home(text: str) -> Path:
    """Return the path with its tilde replaced; ``TtqBenchError`` where that user has no home."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise TtqBenchError(
            f"{text}: whose home that is cannot be found; write the path out, or ./{text} for a"
            " folder of this name"
        ) from error


def suite_file(text: str) -> Path:
    """Return the file of a suite: the one at this path, or the shipped suite of this name."""
    given = local_path(text)
    is_path = str(given) != text or given.name != text or bool(given.suffix)
    if is_path or (given.exists() and not given.is_dir()):
        return given
    known = shipped_suites()
    if text not in known:
        hint = did_you_mean(text, known)
        raise argparse.ArgumentTypeError(f"{text!r} is neither a file nor a shipped suite{hint}")
    return known[text]


def folder(text: str) -> Path:
    """Return the path of a folder; a URL is refused."""
    return _no_url(
        text,
        "a folder",
        "this command writes what it measured of this machine, which is no result: name a folder",
    )


def images_folder(text: str) -> Path:
    """Return the path of a folder of images."""
    return _no_url(text, "a folder", NO_IMAGES)


def output_folder(text: str) -> Path:
    """Return the path of a folder to write files for the user to."""
    return _no_url(
        text, "a folder", "this command writes to folders only: name one, and copy the files"
    )


def shared_place(text: str) -> Path | str:
    """Return where all nodes of a cluster find results: an absolute path, or a URL."""
    return _read(checked_url, text) if is_url(text) else shared_path(text)


def shared_path(text: str) -> Path:
    """Return the path of a folder that all nodes of a cluster see: absolute, and no URL."""
    given = _no_url(text if text.strip() else ".", "an absolute path", NO_IMAGES)
    if not given.is_absolute():
        raise argparse.ArgumentTypeError(
            f"expected an absolute path that every node of the cluster sees, got {text!r}; a"
            " relative one would lie in the job's own folder, which is deleted with it"
        )
    return given


def shared_images(text: str) -> str:
    """Return what ``--dataset`` says, where it names a folder one that all nodes see."""
    name, colon, place = text.partition(":")
    return f"{name}{colon}{shared_path(place)}" if place else text


def time_span(text: str) -> float:
    """Return the seconds of a time span such as ``90s``, ``30m`` or ``2h``."""
    return _read(seconds_in, text)


def with_signs(words: Sequence[str]) -> list[str]:
    """Return the words of a command line, a negative time span joined to its option.

    argparse takes ``-5s`` for an option of its own, and would say that a time is missing.
    """
    joined: list[str] = []
    for word in words:
        if NEGATIVE.fullmatch(word) and joined and joined[-1] in TIMES:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _no_url(text: str, expected: str, why: str) -> Path:
    if is_url(text):
        given = one_line(without_credentials(text))
        raise argparse.ArgumentTypeError(f"expected {expected}, got the URL {given!r}; {why}")
    return local_path(text)


def _read(read: Callable[[str], T], text: str) -> T:
    """Return what ``read`` makes of ``text``; argparse repeats its sentence where it refuses."""
    try:
        return read(text)
    except TtqBenchError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
