"""Options that several commands share."""

import argparse
from collections.abc import Callable
from pathlib import Path

from ttq_bench.commands.chosen_trials import add_choosing_options
from ttq_bench.commands.option_values import (
    folder,
    images_folder,
    in_home,
    positive,
    results_place,
    suite_file,
    time_span,
)
from ttq_bench.commands.rerun import add_rerun_option
from ttq_bench.data.catalog import FOLDER
from ttq_bench.errors import TtqBenchError

DATA_DIR = Path("data")


def add_suite_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to run, where its results and images are, and whether Ray runs it."""
    add_training_options(parser)
    add_rerun_option(parser)
    add_results_option(parser, results_place)
    add_data_option(parser)
    parser.add_argument(
        "--backend", choices=("ray", "inprocess"), default="ray",
        help="ray: trials side by side in processes; inprocess: one after the other, without Ray",
    )  # fmt: skip


def add_training_options(
    parser: argparse.ArgumentParser, images: Callable[[str], str] = str
) -> None:
    """Add: the suite, its profile and images, and what a trial gets of a machine."""
    parser.add_argument(
        "suite", type=suite_file,
        help="suite file, or the name of a shipped suite (`ttq-bench suites` lists them)",
    )  # fmt: skip
    parser.add_argument(
        "--profile", default="auto", help="profile of the suite; auto: the one for GPUs or for CPUs"
    )
    parser.add_argument(
        "--dataset", type=images, metavar="NAME",
        help="images in place of the suite's: a dataset, or folder:PATH with train/CLASS/ and"
        " test/CLASS/ (or val/CLASS/) in it",
    )  # fmt: skip
    add_choosing_options(parser)
    add_device_option(parser)
    parser.add_argument(
        "--threads", type=positive, metavar="N",
        help="CPU threads of one trial (default: the cores, divided among the trials)",
    )  # fmt: skip
    parser.add_argument(
        "--trials-per-gpu", type=positive, metavar="N",
        help="trials side by side on one GPU (default: as many as its memory and the cores allow)",
    )  # fmt: skip
    parser.add_argument(
        "--ranks", type=positive, default=1, metavar="N",
        help="processes that train a trial together, each on a GPU (or --threads cores) of its own;"
        " a divisor of the recipes' micro_batches",
    )  # fmt: skip


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Add: CPU or GPU."""
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto",
        help="auto: a GPU where there is one",
    )  # fmt: skip


def add_ending_options(parser: argparse.ArgumentParser) -> None:
    """Add: when to stop, to replace a worker, to save, and whether to write the report."""
    parser.add_argument(
        "--time-limit", type=time_span, metavar="TIME",
        help="stop and save before this much time has passed: 90s, 30m, 2h (default: no limit)",
    )  # fmt: skip
    parser.add_argument(
        "--silence", type=time_span, default="60s", metavar="TIME",
        help="replace a worker that has given no sign of life for so long",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint-every", type=time_span, default="10m", metavar="TIME",
        help="also save within an epoch, after this much time",
    )  # fmt: skip
    parser.add_argument(
        "--no-report", action="store_true", help="train only, write no tables, figures and summary"
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add: print JSON instead of text."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def add_results_option(
    parser: argparse.ArgumentParser, read: Callable[[str], Path | str] | None = None
) -> None:
    """Add: the results folder; ``read`` is ``results_place`` where they may be below a URL."""
    also = ", or s3://BUCKET/PREFIX (gs://...)" if read else ""
    parser.add_argument(
        "--results",
        type=read or folder,
        default="results",
        metavar="PLACE",
        help=f"results folder{also}",
    )


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add: the folder of the images."""
    parser.add_argument(
        "--data-dir",
        type=images_folder,
        default=DATA_DIR,
        metavar="DIR",
        help="folder of the images",
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
        return name, images_folder(place)
    except argparse.ArgumentTypeError as error:
        raise TtqBenchError(f"--dataset: {error}") from error
