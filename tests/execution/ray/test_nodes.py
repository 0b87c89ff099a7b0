"""The watch over nodes, with real ports; the list of nodes is the test's."""

import contextlib
import socket
import time
from dataclasses import replace

import pytest

from tests.tiny_suite import wait_until
from ttq_bench.execution.ray import nodes
from ttq_bench.execution.ray.nodes import REFUSALS, Node, NodeWatch, knock


@pytest.fixture
def port():
    """A port of this machine with a process that listens there, and how to end that."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1], server.close


@pytest.fixture
def watch(port):
    """A watch over one node that lists what ``listed`` holds; looks come from the test alone."""
    number, end = port
    listed = {"a": Node("a", "127.0.0.1", number, 4.0, 1.0, alive=True)}
    made = NodeWatch(lambda: list(listed.values()))
    made.close()
    made.listed, made.end = listed, end
    return made


def test_a_port_is_open_or_closed_or_says_nothing(port):
    number, end = port
    assert knock("127.0.0.1", number) is True
    end()
    assert knock("127.0.0.1", number) is False
    assert knock("name.invalid", number) is None


def test_the_nodes_of_the_start_are_no_news_and_each_later_one_is_so_once(watch):
    assert watch.news() == []
    watch.listed["b"] = replace(watch.listed["a"], node_id="b", cores=2.0)
    watch.look()
    watch.look()
    assert watch.news() == ["node 127.0.0.1 joined: 2 cores"]
    assert watch.news() == []


def test_a_node_that_is_listed_as_dead_is_gone(watch):
    watch.listed["a"] = replace(watch.listed["a"], alive=False)
    watch.look()
    assert watch.news() == ["node 127.0.0.1 is gone"]
    assert watch.is_gone("a")
    assert not watch.is_gone("unheard of")


def test_a_node_whose_port_refuses_is_gone_after_some_refusals_though_it_is_listed(watch):
    watch.end()
    for _ in range(REFUSALS - 1):
        watch.look()
        assert not watch.is_gone("a")
    watch.look()
    assert watch.is_gone("a")
    assert watch.gone() == ["a"]
    assert watch.living() == []


def test_a_node_that_could_never_be_reached_is_judged_by_the_list_alone(watch, port):
    watch.end()
    watch.listed["b"] = replace(watch.listed["a"], node_id="b")
    for _ in range(REFUSALS + 1):
        watch.look()
    assert watch.gone() == ["a"]
    assert [node.node_id for node in watch.living()] == ["b"]


@pytest.mark.parametrize(
    ("threads", "gpus", "slots"), [(1, 0.0, 4), (2, 0.0, 2), (8, 0.0, 0), (1, 0.5, 2), (1, 2.0, 0)]
)
def test_the_slots_of_a_node_are_bound_by_cores_and_gpus(watch, threads, gpus, slots):
    assert watch.slots(threads, gpus) == slots


def test_a_head_that_does_not_answer_is_lost_only_after_a_while_and_several_looks(
    watch, monkeypatch
):
    monkeypatch.setattr(nodes, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(nodes, "POLL_SECONDS", 0.2)
    assert not watch.head_is_lost()
    time.sleep(0.1)
    begun = time.monotonic()
    assert not any(watch.head_is_lost() for _ in range(10))  # ten calls, one look
    wait_until(watch.head_is_lost, 10)
    assert time.monotonic() - begun >= 0.4
    watch.look()
    assert not watch.head_is_lost()


def test_many_nodes_out_of_reach_are_knocked_at_together(watch):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as held:
        number = full.getsockname()[1]
        for _ in range(2):  # fill its queue: whoever comes now gets no answer
            client = held.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", number))
        wait_until(lambda: knock("127.0.0.1", number) is None, 10)
        silent = replace(watch.listed["a"], port=number)
        watch.listed |= {str(n): replace(silent, node_id=str(n)) for n in range(45)}
        begun = time.monotonic()
        watch.look()
        assert time.monotonic() - begun < 5.0  # one after the other: 22.5 s
    assert len(watch.living()) == 46


def test_the_watch_goes_on_after_a_question_that_fails(port, monkeypatch):
    monkeypatch.setattr(nodes, "POLL_SECONDS", 0.01)
    asked = []

    def list_nodes():
        asked.append(1)
        if len(asked) == 2:
            raise RuntimeError("no answer")
        return []

    made = NodeWatch(list_nodes)
    wait_until(lambda: len(asked) >= 4, 10)
    made.close()
