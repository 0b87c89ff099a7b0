"""The nodes of a cluster, asked for by a thread of its own: a slow answer does not block the run.

A node that is cut off is declared dead after about a minute, and a task on it never returns; the
list of nodes is the only place that says so. A node whose Ray process was killed is declared dead
after 15 s, while its port refuses connections at once; so each port that once answered is tried,
too. When the head itself goes, the question hangs.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from ttq_bench.repeated import Repeated

POLL_SECONDS = 1.0
HEAD_SECONDS = 20.0  # without an answer: then the head is gone
KNOCK_SECONDS = 0.5
KNOCKS_AT_ONCE = 64  # one after the other, 45 nodes out of reach took longer than HEAD_SECONDS
LOOKS = 3
REFUSALS = 2  # in a row: then no process listens there any more


@dataclass(frozen=True, slots=True)
class Node:
    """One node: what it has, and whether the cluster still counts on it."""

    node_id: str
    address: str
    port: int
    cores: float
    gpus: float
    alive: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node told, None where it did not (then ``reason`` says why).

    ``heard`` is when it was told, in seconds since 1970 by the driver's clock.
    """

    node: Node
    told: Mapping[str, Any] | None
    heard: float
    reason: str = ""


class NodeWatch:
    """Asks ``list_nodes`` once a second, and notes what has changed."""

    def __init__(self, list_nodes: Callable[[], Sequence[Node]]) -> None:
        self.list_nodes = list_nodes
        self.nodes: dict[str, Node] = {}
        self.changes: list[str] = []
        self.refusals: dict[str, int] = {}  # in a row, of each node that could once be reached
        self.answered = time.monotonic()
        self.looks_in_vain, self.last_look = 0, 0.0
        self.look()
        self.changes.clear()  # the nodes of the start are no news
        self._watch = Repeated(POLL_SECONDS, self._look_again)
        self._watch.start()

    def close(self) -> None:
        """Ask no more."""
        self._watch.stop(wait=False)  # an answer may be long in coming

    def is_gone(self, node_id: str) -> bool:
        """Return whether the cluster has given up a node."""
        node = self.nodes.get(node_id)
        return node is not None and not node.alive

    def living(self) -> list[Node]:
        """Return the nodes that the cluster can use."""
        return [node for node in self.nodes.values() if node.alive]

    def gone(self) -> list[str]:
        """Return the ids of the nodes that are no more."""
        return [node.node_id for node in self.nodes.values() if not node.alive]

    def slots(self, threads: int, gpus: float) -> int:
        """Return how many trials of so many threads and GPUs the living nodes hold together."""
        return sum(
            int(min(node.cores // threads, node.gpus / gpus if gpus else node.cores))
            for node in self.living()
        )

    def head_is_lost(self) -> bool:
        """Return whether the head has not answered for long.

        Where this process itself stood still, an answer may be on its way: the time has to be over
        at three looks in a row, a second apart however often this is called.
        """
        now = time.monotonic()
        if now - self.answered <= HEAD_SECONDS:
            self.looks_in_vain = 0
        elif now - self.last_look >= POLL_SECONDS:
            self.looks_in_vain, self.last_look = self.looks_in_vain + 1, now
        return self.looks_in_vain >= LOOKS

    def news(self) -> list[str]:
        """Return what changed since the last call."""
        changes, self.changes = self.changes, []
        return changes

    def look(self) -> None:
        """Take over the list of nodes as it is now."""
        listed = self.list_nodes()
        self.answered = time.monotonic()
        listening = _knock_at(node for node in listed if node.alive)
        for listed_node in listed:
            node = self._judged(listed_node, listening.get(listed_node.node_id))
            before = self.nodes.get(node.node_id)
            self.nodes[node.node_id] = node
            if before is None and node.alive:
                self.changes.append(f"node {node.address} joined: {node.cores:.0f} cores")
            elif before is not None and before.alive and not node.alive:
                self.changes.append(f"node {node.address} is gone")

    def _judged(self, node: Node, listens: bool | None) -> Node:
        """Return the node, dead if its port refuses, or has refused before, to be connected."""
        if not node.alive:
            return node
        if listens:
            self.refusals[node.node_id] = 0
        elif listens is False and node.node_id in self.refusals:
            self.refusals[node.node_id] += 1
        return replace(node, alive=self.refusals.get(node.node_id, 0) < REFUSALS)

    def _look_again(self) -> None:
        with contextlib.suppress(Exception):  # whatever it is, the head did not answer
            self.look()


def _knock_at(nodes: Iterable[Node]) -> dict[str, bool | None]:
    """Return of each node whether it listens, by its id; all are asked at the same time."""
    asked = list(nodes)
    with ThreadPoolExecutor(KNOCKS_AT_ONCE) as threads:
        answers = threads.map(lambda node: knock(node.address, node.port), asked)
        return {node.node_id: answer for node, answer in zip(asked, answers, strict=True)}


def knock(address: str, port: int) -> bool | None:
    """Return whether a process listens on the port, None if the host does not say."""
    try:
        socket.create_connection((address, port), KNOCK_SECONDS).close()
    except ConnectionRefusedError:
        return False
    except OSError:  # no way there, or too slow: the cluster itself will notice
        return None
    return True
