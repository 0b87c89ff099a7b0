"""``ttq-bench data``: fetch a dataset's published images, or show which stand for it."""

import argparse

from rich.console import Console

from ttq_bench.commands.run import fetch
from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.identity import cache_folder, identify
from ttq_bench.data.sources import find_source
from ttq_bench.errors import DataError, unknown_name


def act(options: argparse.Namespace) -> int:
    """Fetch or show, and return 0."""
    if options.dataset not in DATASETS:
        raise unknown_name("data", "dataset", options.dataset, DATASETS)
    archives = DATASETS[options.dataset].archives
    if options.action == "fetch":
        if not archives:
            raise DataError(f"{options.dataset}: there is no published archive to fetch")
        fetch(archives[0], options.data_dir, Console())
    source = find_source(options.dataset, options.data_dir)
    if not source.is_present:
        print(f"{options.dataset}: not in {options.data_dir}; `ttq-bench data fetch` gets it")
        return 0
    identity = identify(source, cache_folder())
    print(
        f"{identity.name}: {identity.train_count:,} training and {identity.test_count:,} test"
        f" images, {source.kind}, fingerprint {identity.fingerprint}"
    )
    return 0
