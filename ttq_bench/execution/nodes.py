"""The nodes of a cluster as a thread of its own sees them: no question to Ray blocks the run.

A node that is cut off is declared dead after about a minute, and a task on it never returns; the
list of nodes is the only place that says so. When the head itself goes, the question hangs.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

POLL_SECONDS = 1.0
HEAD_SECONDS = 20.0  # without an answer: then the head is gone


@dataclass(frozen=True, slots=True)
class Node:
    """One node: what it has, and whether the cluster still counts on it."""

    node_id: str
    address: str
    cores: float
    gpus: float
    alive: bool


class NodeWatch:
    """Asks ``list_nodes`` once a second; what it says is news once."""

    def __init__(self, list_nodes: Callable[[], Sequence[Node]]) -> None:
        self.list_nodes = list_nodes
        self.nodes: dict[str, Node] = {}
        self.told: list[str] = []
        self.answered = time.monotonic()
        self.looks_in_vain = 0
        self.look()
        self.told.clear()  # the nodes of the start are no news
        self.over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Ask no more."""
        self.over.set()

    def is_gone(self, node_id: str) -> bool:
        """Return whether the cluster has given up a node."""
        node = self.nodes.get(node_id)
        return node is not None and not node.alive

    def slots(self, threads: int, gpus: float) -> int:
        """Return how many trials of so many threads and GPUs the living nodes hold together."""
        return sum(
            int(min(node.cores // threads, node.gpus / gpus if gpus else node.cores))
            for node in self.nodes.values()
            if node.alive
        )

    def head_is_lost(self) -> bool:
        """Return whether no answer came for long, asked at least thrice: a stop of us is none."""
        late = time.monotonic() - self.answered > HEAD_SECONDS
        self.looks_in_vain = self.looks_in_vain + 1 if late else 0
        return self.looks_in_vain >= 3  # noqa: PLR2004

    def news(self) -> list[str]:
        """Return what changed since the last call."""
        told, self.told = self.told, []
        return told

    def look(self) -> None:
        """Take over the list of nodes as it is now."""
        for node in self.list_nodes():
            before = self.nodes.get(node.node_id)
            self.nodes[node.node_id] = node
            if before is None and node.alive:
                self.told.append(f"node {node.address} joined: {node.cores:.0f} cores")
            elif before is not None and before.alive and not node.alive:
                self.told.append(f"node {node.address} is gone")
        self.answered = time.monotonic()

    def _watch(self) -> None:
        while not self.over.wait(POLL_SECONDS):
            try:
                self.look()
            except Exception:  # noqa: S112 - whatever it is, the head did not answer
                continue
