import copy
from dataclasses import replace

import pytest
import yaml

from ttq_bench.data.catalog import DATASETS
from ttq_bench.errors import SuiteError
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import parse_suite, read_suite

CARDS = {
    "cifar10": replace(DATASETS["cifar10"], fingerprint="md5:0"),
    "digits": replace(DATASETS["digits"], fingerprint="sha256:0"),
}
SMALL = {
    "name": "small",
    "title": "A small grid",
    "protocol": "short",
    "datasets": ["cifar10"],
    "models": ["resnet20", "resnet32"],
    "methods": ["full_precision", "ttq"],
    "delta_strategies": [{"max_fraction": 0.05}, {"constant_sparsity": 0.5}],
    "seeds": [0, 1],
    "training": {"full_precision": {"epochs": 8}, "fine_tuned": {"epochs": 3}},
}


@pytest.fixture
def small():
    """A suite as a mapping, free to be changed."""
    return copy.deepcopy(SMALL)


@pytest.fixture
def results(tmp_path):
    return ResultsPaths(tmp_path / "results")


@pytest.fixture
def read(tmp_path):
    """Write a mapping (or text) as a suite file, and read it."""

    def write_and_read(document, profile="auto", device="cpu"):
        path = tmp_path / "small.yaml"
        text = document if isinstance(document, str) else yaml.safe_dump(document)
        path.write_text(text, encoding="utf-8")
        return read_suite(path, profile, device)

    return write_and_read


def trials_of(document, profile="", cards=None):
    suite = parse_suite(document, profile, "small.yaml")
    return expand(suite, cards or CARDS, "small.yaml")


def problems_of(read, document, **options):
    with pytest.raises(SuiteError) as caught:
        read(document, **options)
    return str(caught.value)
