"""Every test runs on one thread: the machine may be busy, and threads wait for each other.

``make test`` shares the files of tests out to processes of pytest-xdist. All that starts Ray goes
to one of them, first: two clusters at a time would crowd a small machine, and it takes the longest.
"""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_collection_modifyitems(config, items):
    if not hasattr(config, "workerinput"):  # one process: the order of the files
        return
    for item in items:
        group = "ray" if item.get_closest_marker("ray") else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.get_closest_marker("ray") is None)
