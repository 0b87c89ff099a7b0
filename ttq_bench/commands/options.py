"""Options of the commands, shared by several or too many for a line of ``cli.py``."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ttq_bench.data.catalog import FOLDER
from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.ray_address import host_and_port
from ttq_bench.text import seconds_in

DATA_DIR = Path("data")
TIMES = ("--time-limit", "--silence", "--timeout")
NEGATIVE = re.compile(r"-\.?\d.*")
T = TypeVar("T")


def add_suite_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to run, on which images, with what."""
    parser.add_argument("suite", type=Path, help="suite file, for example suites/cifar.yaml")
    parser.add_argument(
        "--profile", default="auto", help="profile of the suite (auto: by whether there is a GPU)"
    )
    parser.add_argument(
        "--dataset", metavar="NAME",
        help="images in place of the suite's: a dataset, or folder:PATH with train/CLASS/ and"
        " test/CLASS/ (or val/CLASS/) in it",
    )  # fmt: skip
    add_results_option(parser)
    add_data_option(parser)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--backend", choices=("ray", "inprocess"), default="ray")
    parser.add_argument("--threads", type=positive, help="CPU threads of one trial")
    parser.add_argument(
        "--trials-per-gpu", type=positive, metavar="N", help="side by side on one GPU"
    )


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add: which Ray cluster, and when a worker counts as lost."""
    parser.add_argument(
        "--address", type=address, metavar="HOST:PORT", help="a Ray cluster (default: our own)"
    )
    parser.add_argument(
        "--dashboard", nargs="?", const="127.0.0.1", metavar="HOST", help="start Ray's dashboard"
    )
    parser.add_argument(
        "--silence", type=time_span, default="60s", metavar="TIME",
        help="replace a worker without a sign of life",
    )  # fmt: skip


def add_probe_options(parser: argparse.ArgumentParser) -> None:
    """Add: which trials to probe, and with what."""
    parser.add_argument(
        "parts", nargs="*", metavar="PART_OF_ID", help="only trials whose id has one of these parts"
    )
    add_results_option(parser)
    add_data_option(parser)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=positive, metavar="N", help="CPU threads (all cores)")


def add_speed_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to time, and how."""
    parser.add_argument("goals", nargs="*", metavar="GOAL", help="P1, P2 and so on (default: all)")
    parser.add_argument("--compare", action="store_true", help="say what moved since the last run")
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--batch-size", type=positive, default=128, metavar="N")
    parser.add_argument(
        "--seconds", type=positive, default=30, metavar="N", help="about so long for each goal"
    )
    parser.add_argument(
        "--precision", choices=("auto", "bf16", "fp32"), default="auto",
        help="auto: bf16 where the processor or the GPU has instructions for it",
    )  # fmt: skip
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    add_results_option(parser)


def add_doctor_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to look at, and how long to wait for the nodes of a cluster."""
    add_results_option(parser)
    add_data_option(parser)
    parser.add_argument(
        "--cluster", action="store_true", help="also ask each node, of a Ray of our own if no other"
    )
    parser.add_argument(
        "--address", type=address, metavar="HOST:PORT", help="ask the nodes of this Ray cluster"
    )
    parser.add_argument(
        "--timeout", type=time_span, default="120s", metavar="TIME", help="wait so long for them"
    )
    parser.add_argument("--json", action="store_true", help="print the tables as JSON")


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """Add: the results folder."""
    parser.add_argument("--results", type=Path, default=Path("results"), help="results folder")


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add: the folder of the images."""
    parser.add_argument("--data-dir", type=Path, default=DATA_DIR, help="where the images are")


def chosen_images(asked: str, data_dir: Path) -> tuple[str, Path]:
    """Return the dataset that ``asked`` names, and the folder to look for it in.

    Images of ``folder:PATH`` are looked for in PATH, so ``--data-dir`` may not name another place.
    """
    name, colon, place = asked.partition(":")
    if not colon:
        return asked, data_dir
    if name != FOLDER or not place:
        raise TtqBenchError(
            f"{asked!r} is no dataset; write the name of one, or {FOLDER}:PATH for a folder of"
            " images"
        )
    if data_dir not in (DATA_DIR, Path(place)):
        raise TtqBenchError(f"--data-dir {data_dir}: {asked} names its place itself; leave it out")
    return name, Path(place)


def positive(text: str) -> int:
    """Return the whole number above 0 that ``text`` says."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def address(text: str) -> str:
    """Return ``text`` if it is the address of a Ray cluster."""
    _read(host_and_port, text)
    return text


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


def _read(read: Callable[[str], T], text: str) -> T:
    """Return what ``read`` makes of ``text``; argparse repeats its sentence where it refuses."""
    try:
        return read(text)
    except TtqBenchError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
