"""``ttq-bench data``: fetch a dataset's published images, or show which stand for it."""

import argparse

from ttq_bench.commands.fetching import fetch
from ttq_bench.commands.options import add_data_option, add_json_option, chosen_images
from ttq_bench.data.catalog import DATASETS, FOLDER
from ttq_bench.data.identity import cache_folder, identify
from ttq_bench.data.passed_over import passed_over
from ttq_bench.data.sources import Source, find_source, published_source
from ttq_bench.errors import DataError, unknown_name
from ttq_bench.execution.display import console_here
from ttq_bench.text import json_text, printable

DESCRIPTION = """\
`fetch` downloads the published images of a dataset, `show` prints which images are found for it:
their number, file format and fingerprint, and which files were passed over."""
EXAMPLES = ("ttq-bench data fetch cifar10", "ttq-bench data show folder:/data/leaves")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: what to do, and with which images."""
    parser.add_argument("action", choices=("fetch", "show"), help="download, or show what is there")
    parser.add_argument(
        "dataset", help="a dataset, such as cifar10, or folder:PATH with train/CLASS/ in it"
    )
    add_data_option(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Fetch or show, and return 0."""
    dataset, data_dir = chosen_images(options.dataset, options.data_dir)
    if dataset not in DATASETS and dataset != FOLDER:
        raise unknown_name("data", "dataset", dataset, DATASETS)
    if options.action == "fetch":
        if dataset == FOLDER or not DATASETS[dataset].archives:
            raise DataError(f"{dataset}: there is no published archive to fetch")
        fetch(published_source(dataset, data_dir), console_here())
    source = find_source(dataset, data_dir)
    if options.json:
        print(json_text(_as_json(source)))
        return 0
    if not source.is_present:
        there = f"not in {data_dir}" if data_dir.exists() else f"there is no folder {data_dir}"
        print(f"{dataset}: {there}; `ttq-bench data fetch {dataset}` gets it")
        return 0
    identity = identify(source, cache_folder())
    print(
        f"{identity.name}: {identity.train_count:,} training and {identity.test_count:,} test"
        f" images, {source.kind}, fingerprint {identity.fingerprint}"
    )
    for sentence in passed_over(source):
        print(f"  {printable(sentence)}")
    if source.kind in ("parquet", "folders"):
        print("  looked at: labels, formats and sizes; the first run decodes the pixels")
    return 0


def _as_json(source: Source) -> dict[str, object]:
    """Return what ``show`` says; ``found`` is false, and alone, where no images are found."""
    if not source.is_present:
        return {"dataset": source.dataset, "found": False}
    identity = identify(source, cache_folder())
    return {
        "dataset": identity.name,
        "found": True,
        "train_count": identity.train_count,
        "test_count": identity.test_count,
        "format": source.kind,
        "fingerprint": identity.fingerprint,
        "passed_over": list(passed_over(source)),
    }
