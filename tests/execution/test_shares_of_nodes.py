import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.execution.ray.nodes import Node
from ttq_bench.execution.resources import Shares, share


def nodes(*cores, gpus=()):
    counts = (*gpus, *[0] * len(cores))
    return [
        Node(f"n{i}", "", 0, c, g, alive=True)
        for i, (c, g) in enumerate(zip(cores, counts, strict=False))
    ]


def shared(found, trials, device="cpu", threads=None, trials_per_gpu=1):
    return share(found, device, trials, threads=threads, trials_per_gpu=trials_per_gpu)


@pytest.mark.parametrize(
    ("cores", "trials", "expected"),
    [
        ((0, 16, 16), 100, Shares(32, 1, 0.0)),
        ((0, 16, 16), 4, Shares(4, 8, 0.0)),
        ((3, 5), 2, Shares(2, 3, 0.0)),  # 5 // 3 = 1, so a place on each
        ((3, 3), 3, Shares(6, 1, 0.0)),  # 6 // 3 = 2 threads would leave places for two alone
        ((2, 64), 1, Shares(33, 2, 0.0)),  # the smallest node can take it, too
        ((0,), 5, Shares(1, 1, 0.0)),  # a head that waits for nodes
        ((), 5, Shares(1, 1, 0.0)),
        ((0.5, 4), 1, Shares(1, 4, 0.0)),  # half a core takes no trial
    ],
)
def test_threads_come_from_the_cores_of_the_nodes(cores, trials, expected):
    assert shared(nodes(*cores), trials) == expected


def test_threads_that_were_asked_for_win():
    assert shared(nodes(3, 8), 100, threads=4) == Shares(2, 4, 0.0)
    assert shared(nodes(2), 1, threads=16) == Shares(1, 16, 0.0)  # waits for a node that has them


@pytest.mark.parametrize(
    ("found", "each", "expected"),
    [
        (nodes(16, 8, 4, gpus=(2, 1)), 1, Shares(3, 8, 1.0)),  # 16 // 2 and 8 // 1
        (nodes(16, 8, gpus=(2, 1)), 4, Shares(12, 2, 0.25)),
        (nodes(2, gpus=(4,)), 1, Shares(4, 1, 1.0)),  # never less than one thread
        (nodes(16), 1, Shares(1, 1, 1.0)),  # no GPU yet
    ],
)
def test_threads_of_trials_on_gpus_come_from_the_nodes_that_have_some(found, each, expected):
    assert shared(found, 100, "cuda", trials_per_gpu=each) == expected


def test_threads_beside_a_gpu_that_were_asked_for_win():
    assert shared(nodes(16, gpus=(2,)), 100, "cuda", threads=3) == Shares(2, 3, 1.0)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=8), st.integers(1, 300))
def test_every_node_can_take_a_trial_and_no_trial_lacks_a_place_that_cores_could_give(cores, n):
    found = shared(nodes(*cores), n)
    assert found.threads <= min(cores)
    assert found.slots >= min(n, sum(cores))


def test_ranks_take_places_of_their_own_on_any_node():
    def shares(found, device, trials):
        return share(found, device, trials, threads=None, trials_per_gpu=1, ranks=2)

    assert shares(nodes(3, 5), "cpu", 1) == Shares(1, 3, 0.0, 2)
    assert shares(nodes(8, 8, gpus=(1, 1)), "cuda", 9) == Shares(1, 8, 1.0, 2)
    assert shares(nodes(8, gpus=(1,)), "cuda", 9) == Shares(1, 8, 1.0, 2)  # waits for another GPU
