"""Options of the commands, shared by several or too many for a line of ``cli.py``."""

import argparse
from collections.abc import Callable
from pathlib import Path

from ttq_bench.commands.option_values import (
    address,
    dashboard,
    folder,
    in_home,
    local_path,
    positive,
    results_place,
    shared_images,
    shared_path,
    shared_place,
    time_span,
)
from ttq_bench.data.catalog import FOLDER
from ttq_bench.errors import TtqBenchError

DATA_DIR = Path("data")


def add_suite_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to run, on which images, with what."""
    _add_suite(parser)
    add_results_option(parser, results_place)
    add_data_option(parser)
    parser.add_argument("--backend", choices=("ray", "inprocess"), default="ray")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add, beside ``add_suite_options``: which Ray cluster, and when to end."""
    parser.add_argument(
        "--address", type=address, metavar="HOST:PORT", help="a Ray cluster (default: our own)"
    )
    parser.add_argument(
        "--dashboard", nargs="?", const="127.0.0.1", metavar="HOST", help="start Ray's dashboard"
    )
    _add_endings(parser)


def add_submit_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to run on which cluster, whose nodes have other folders than this machine."""
    _add_suite(parser, images=shared_images)
    parser.add_argument(
        "--address", type=dashboard, required=True, metavar="URL",
        help="the cluster's dashboard, for example http://head:8265",
    )  # fmt: skip
    parser.add_argument(
        "--results", type=shared_place, required=True, metavar="PLACE",
        help="results: an absolute path on storage that all nodes share, or s3:// or gs://",
    )  # fmt: skip
    parser.add_argument("--data-dir", type=shared_path, metavar="PATH", help="the same for images")
    parser.add_argument(
        "--python", default="", help="Python of the cluster's nodes (the one that runs Ray there)"
    )
    _add_endings(parser)


def _add_suite(parser: argparse.ArgumentParser, images: Callable[[str], str] = str) -> None:
    parser.add_argument("suite", type=local_path, help="suite file, for example suites/cifar.yaml")
    parser.add_argument(
        "--profile", default="auto", help="profile of the suite (auto: by whether there is a GPU)"
    )
    parser.add_argument(
        "--dataset", type=images, metavar="NAME",
        help="images in place of the suite's: a dataset, or folder:PATH with train/CLASS/ and"
        " test/CLASS/ (or val/CLASS/) in it",
    )  # fmt: skip
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=positive, help="CPU threads of one trial")
    parser.add_argument(
        "--trials-per-gpu", type=positive, metavar="N", help="side by side on one GPU"
    )
    parser.add_argument(
        "--ranks", type=positive, default=1, metavar="N",
        help="processes that train a trial together, each on a GPU (or --threads cores) of its own;"
        " a divisor of the recipes' micro_batches (default: 1)",
    )  # fmt: skip


def _add_endings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--time-limit", type=time_span, metavar="TIME", help="stop cleanly before: 90s, 30m, 2h"
    )
    parser.add_argument(
        "--silence", type=time_span, default="60s", metavar="TIME",
        help="replace a worker without a sign of life (default: 60s)",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint-every", type=time_span, default="10m", metavar="TIME",
        help="save within an epoch that takes longer (default: 10m)",
    )  # fmt: skip
    parser.add_argument(
        "--no-report", action="store_true", help="leave out tables, figures, summary"
    )


def add_probe_options(parser: argparse.ArgumentParser) -> None:
    """Add: which trials to probe, and with what."""
    parser.add_argument(
        "parts", nargs="*", metavar="PART_OF_ID", help="only trials whose id has one of these parts"
    )
    add_results_option(parser, results_place)
    add_data_option(parser)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=positive, metavar="N", help="CPU threads (all cores)")
    parser.add_argument(
        "--heal",
        action="store_true",
        help="also train one more epoch, as trained and with equal scales (minutes a network)",
    )


def add_speed_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to time, and how."""
    parser.add_argument(
        "goals", nargs="*", metavar="GOAL",
        help="P1, P2, P4, P8, P10 (on a GPU) or roofline (default: all)",
    )  # fmt: skip
    parser.add_argument("--compare", action="store_true", help="say what moved since the last run")
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--batch-size", type=positive, default=128, metavar="N")
    parser.add_argument(
        "--seconds", type=positive, default=25, metavar="N", help="about so long for each goal"
    )
    words = "auto: bf16 where the processor or the GPU has instructions for it"
    parser.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto", help=words)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    add_results_option(parser)


def add_doctor_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to look at, and how long to wait for the nodes of a cluster."""
    add_results_option(parser, results_place)
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


def add_results_option(
    parser: argparse.ArgumentParser, read: Callable[[str], Path | str] | None = None
) -> None:
    """Add: the results folder; ``read`` is ``results_place`` where they may be below a URL."""
    also = ", or s3://BUCKET/PREFIX (gs://...)" if read else ""
    parser.add_argument(
        "--results", type=read or folder, default="results", help=f"results folder{also}"
    )


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add: the folder of the images."""
    parser.add_argument(
        "--data-dir", type=local_path, default=DATA_DIR, help="where the images are"
    )


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
    folder = in_home(place)
    if data_dir not in (DATA_DIR, folder):
        raise TtqBenchError(f"--data-dir {data_dir}: {asked} names its place itself; leave it out")
    try:
        return name, local_path(place)
    except argparse.ArgumentTypeError as error:
        raise TtqBenchError(f"--dataset: {error}") from error
