"""One question to each node of a Ray cluster, to all at once and with a limit of time."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ttq_bench.errors import ClusterError
from ttq_bench.execution.ray.nodes import Answer, Node, NodeWatch
from ttq_bench.execution.ray.start import connect, disconnect, list_nodes, of_task
from ttq_bench.text import duration
from ttq_bench.trial.settings import ClusterOptions

Question = Callable[..., Mapping[str, Any]]
POLL_SECONDS = 1.0


@ray.remote(num_cpus=0, max_calls=1, max_retries=0)
def _ask(question: Question, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return question(**arguments)


def ask_nodes(
    options: ClusterOptions, question: Question, arguments: Mapping[str, Any], seconds: float
) -> list[Answer]:
    """Return the answer of every node; after ``seconds`` the reason is that it gave none.

    ``question`` is a function of this package, run on each node by the code that lies there. Raises
    ``ClusterError`` where there is no cluster, or where its head stops to answer.
    """
    connect(options)
    try:
        watch = NodeWatch(list_nodes)
        try:
            return _Round(watch, question, arguments).answers(seconds)
        finally:
            watch.close()
    finally:
        disconnect()


class _Round:
    """Tasks that are under way, by the node that each runs on."""

    def __init__(self, watch: NodeWatch, question: Question, arguments: Mapping[str, Any]) -> None:
        self.watch = watch
        self.waiting = {
            _ask.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.node_id, soft=False)
            ).remote(question, arguments): node
            for node in watch.living()
        }

    def answers(self, seconds: float) -> list[Answer]:
        """Return all answers, ordered by address, at the latest after ``seconds``."""
        answers: list[Answer] = []
        until = time.monotonic() + seconds
        while self.waiting and (left := until - time.monotonic()) > 0:
            answers += self._heard(min(left, POLL_SECONDS))
            if self.watch.head_is_lost():
                raise ClusterError("Ray's head does not answer any more; look at its machine")
        late = f"no answer within {duration(seconds)}"
        answers += [Answer(node, None, time.time(), late) for node in self.waiting.values()]
        return sorted(answers, key=lambda answer: (answer.node.address, answer.node.node_id))

    def _heard(self, seconds: float) -> list[Answer]:
        ready, _ = ray.wait(list(self.waiting), num_returns=1, timeout=seconds)
        heard = time.time()
        answers = [_answer(reference, self.waiting.pop(reference), heard) for reference in ready]
        for reference, node in list(self.waiting.items()):
            if self.watch.is_gone(node.node_id):
                del self.waiting[reference]
                answers.append(Answer(node, None, heard, "went away while it was asked"))
        return answers


def _answer(reference: "ray.ObjectRef[Mapping[str, Any]]", node: Node, heard: float) -> Answer:
    try:
        return Answer(node, ray.get(reference, timeout=10), heard)
    except exceptions.RayError as error:
        return Answer(node, None, heard, of_task(error))
