"""When two trials are the same, and what a trial needs of its parent."""

import shutil

import torch
from pyarrow import parquet

from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.weights import weights_path
from ttq_bench.training.checkpoints import load_state


def rows(paths, name):
    return parquet.read_table(paths.folder / name).to_pylist()


def exact(table):
    """Return rows as text that tells every bit apart, and nan from a number, but no seconds."""
    return [repr({k: v for k, v in row.items() if k != "epoch_seconds"}) for row in table]


def assert_same_trial(paths, expected):
    """Weights bit for bit, and all tables but for the seconds."""
    weights, wanted = (
        load_state(weights_path(paths))["model"],
        load_state(weights_path(expected))["model"],
    )
    assert weights.keys() == wanted.keys()
    assert all(torch.equal(weights[key], wanted[key]) for key in wanted)
    names = {path.name for path in paths.folder.iterdir()}
    assert names == {path.name for path in expected.folder.iterdir()}
    for name in names - {"record.json", "SHA256SUMS"}:
        assert exact(rows(paths, name)) == exact(rows(expected, name))


def bring_parent(spec, source, target):
    """Copy the parent's weights, as a run of the grid would leave them."""
    if spec.parent is not None:
        shutil.copytree(
            ResultsPaths(source).trial(spec.parent).work,
            ResultsPaths(target).trial(spec.parent).work,
        )
