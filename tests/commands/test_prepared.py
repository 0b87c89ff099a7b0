"""How a run for a cluster is shared among its nodes, before any task is sent there."""

import argparse
from pathlib import Path
from types import SimpleNamespace

from ttq_bench.commands.prepared import Prepared, shared_out
from ttq_bench.execution.ray import start
from ttq_bench.execution.ray.nodes import Node
from ttq_bench.execution.resources import Machine, Shares
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.store import Folder


def test_nodes_that_are_gone_count_nothing(monkeypatch):
    nodes = [Node("gone", "", 0, 1, 0, alive=False), Node("here", "", 0, 8, 0, alive=True)]
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setattr(start, "nodes_at", lambda _: nodes)
    plan = SimpleNamespace(trials=[1], pending=[1])
    parts = ({}, {}, plan, Machine(2, 0), "cpu", Shares(1, 2, 0.0))
    options = argparse.Namespace(
        address="head:6379", backend="ray", dashboard=None, ranks=1, silence=60.0, threads=None,
        trials_per_gpu=None,
    )  # fmt: skip
    folder = Folder(ResultsPaths(Path("nowhere")))
    prepared = shared_out(Prepared(None, "", None, *parts, ()), options, folder)
    assert (prepared.machine.cores, prepared.shares) == (8, Shares(1, 8, 0.0))
