"""Every test runs on one thread: the machine may be busy, and threads wait for each other.

``make test`` shares the files of tests out to processes of pytest-xdist. All that starts Ray goes
to one of them, first: it takes the longest, and beside a second cluster on two cores eleven tests
waited in vain.
"""

import functools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from xdist.scheduler import LoadScopeScheduling

from tests.shared_cache import cache  # noqa: F401 - a fixture of every folder
from ttq_bench.execution.ray import security

if not torch.cuda.is_available():  # before anything imports Triton: its kernels are interpreted
    os.environ.setdefault("TRITON_INTERPRET", "1")

# Runs leave a signal ignored that was ignored when they began; the tests of signals send them all.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # started by a script with `&`
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # started with `nohup`
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

_before = dict(os.environ)
os.environ.setdefault("RAY_AUTH_TOKEN", 64 * "0")  # so that none is made in the user's home here
security.prepare(None, None)  # Ray keeps what it finds when it is imported, whoever does it
import ray  # noqa: E402, F401

os.environ.clear()
os.environ.update(_before)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="module")
def own_environment() -> Iterator[None]:
    """Give each file the variables that the one before it found: preparing Ray sets some."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def whole(tmp_path_factory, cache) -> Path:  # noqa: F811
    """Results of the tiny grid, 3 epochs, each trial run to its end without a break."""
    from tests.tiny_suite import settings_for, tiny_specs
    from ttq_bench.trial.run import run_trial

    results: Path = tmp_path_factory.mktemp("whole") / "results"
    for spec in tiny_specs(cache, epochs=3):
        assert run_trial(spec, settings_for(results, cache), lambda: False) == "finished"
    return results


@pytest.fixture(scope="session")
def trained_pair(tmp_path_factory, cache):  # noqa: F811
    """Results of a parent and a ttq trial of one epoch, and their specs; do not change them."""
    from tests.tiny_suite import settings_for, tiny_specs
    from ttq_bench.records.paths import ResultsPaths
    from ttq_bench.trial.run import run_trial

    results = ResultsPaths(tmp_path_factory.mktemp("trained-pair") / "results")
    parent, child, _ = tiny_specs(cache, epochs=1)
    for spec in (parent, child):
        assert run_trial(spec, settings_for(results.root, cache), lambda: False) == "finished"
    return results, parent, child


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> Path:
    """A folder with the ``results`` of a small grid, their report and a README; copy to change."""
    from tests.record_builders import write_grid
    from ttq_bench.report.build import build_report
    from ttq_bench.report.sections.readme import BEGIN, END

    folder: Path = tmp_path_factory.mktemp("drawn")
    readme = folder / "README.md"
    readme.write_text(f"before\n{BEGIN}\n{END}\nafter\n", encoding="utf-8")
    write_grid(folder / "results")
    build_report(folder / "results", readme)
    return folder


def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):  # in one process: the order of the files
        items.sort(key=lambda item: item.get_closest_marker("ray") is None)


class RayInOneProcess(LoadScopeScheduling):
    """Shares out files; those that start Ray are one piece.

    xdist's own groups do nothing under pytest 9.2: it writes them into names that are not read.
    """

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        return "ray" if _starts_ray(self.config.rootpath / file) else file


@functools.cache
def _starts_ray(file: Path) -> bool:
    return "pytest.mark.ray" in file.read_text(encoding="utf-8")


@pytest.hookimpl(optionalhook=True)  # pytest runs without xdist too
def pytest_xdist_make_scheduler(config, log):
    return RayInOneProcess(config, log)
