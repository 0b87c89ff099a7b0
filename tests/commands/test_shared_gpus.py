"""How many trials share a GPU when the service for it does not run after all."""

import argparse
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from rich.console import Console

from ttq_bench.commands import run
from ttq_bench.execution.resources import Machine, Shares, share

MACHINE = Machine(16, 1, 80.0, shares_gpus=True)


def shares_of(monkeypatch, computes, *, trials_per_gpu=None, address=None, pending=20):
    started = []

    @contextmanager
    def service(tell, clients):
        started.append(clients)
        yield computes

    monkeypatch.setattr(run.mps, "service", service)
    planned = share([MACHINE], "cuda", 20, threads=None, trials_per_gpu=trials_per_gpu or 12)
    plan = SimpleNamespace(pending=range(pending), trials=range(20))
    prepared = SimpleNamespace(shares=planned, plan=plan, machine=MACHINE, device="cuda")
    options = argparse.Namespace(
        backend="ray", address=address, threads=None, trials_per_gpu=trials_per_gpu
    )
    with run._shared_gpus(prepared, options, Console()) as shares:
        return shares, started


@pytest.mark.parametrize(
    ("computes", "asked", "expected"),
    [
        (True, None, Shares(12, 1, 1 / 12)),
        (False, None, Shares(1, 16, 1.0)),
        (False, 4, Shares(4, 4, 0.25)),  # the user said so
    ],
)
def test_trials_are_alone_on_a_gpu_where_they_would_take_turns(
    monkeypatch, computes, asked, expected
):
    assert shares_of(monkeypatch, computes, trials_per_gpu=asked) == (expected, [asked or 12])


def test_on_a_cluster_no_service_is_started_here(monkeypatch):
    assert shares_of(monkeypatch, True, address="head:6379") == (Shares(12, 1, 1 / 12), [])


@pytest.mark.parametrize(("pending", "clients"), [(1, 1), (5, 5), (13, 12)])
def test_the_last_trials_share_a_gpu_among_themselves(monkeypatch, pending, clients):
    assert shares_of(monkeypatch, True, pending=pending) == (Shares(12, 1, 1 / 12), [clients])
