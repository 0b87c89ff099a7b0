"""How trials share the nodes of a cluster. What the driver's machine has counts nothing there."""

from collections.abc import Sequence

from ttq_bench.execution.ray.nodes import Node
from ttq_bench.execution.resources import Shares, in_groups


def share_nodes(
    nodes: Sequence[Node],
    device: str,
    trials: int,
    *,
    threads: int | None,
    trials_per_gpu: int | None,
    ranks: int = 1,
) -> Shares:
    """Return how ``trials`` trials share the living of ``nodes``; of one node as ``share`` does.

    Every trial fits on every node that can take one: when a node is lost, its trials go to others.
    On CPUs each gets as many threads as leave a place for all trials, or for as many as there are
    cores. Nodes that join later change nothing: the number of threads may move the last bits of a
    result. Without a node that can take a trial it is one thread, and the run waits for a node.
    """
    if ranks > 1:
        places = share_nodes(nodes, device, trials * ranks, threads=threads, trials_per_gpu=1)
        return in_groups(places, ranks)
    if device == "cuda":
        return _share_gpus(nodes, threads, trials_per_gpu or 1)
    cores = [int(node.cores) for node in nodes if node.alive and node.cores >= 1]
    wanted = min(trials, sum(cores))
    most = (n for n in range(min(cores, default=1), 1, -1) if _places(cores, n) >= wanted)
    each = threads or next(most, 1)
    return Shares(max(1, _places(cores, each)), each, 0.0)


def _places(cores: Sequence[int], threads: int) -> int:
    return sum(count // threads for count in cores)


def _share_gpus(nodes: Sequence[Node], threads: int | None, trials_per_gpu: int) -> Shares:
    able = [node for node in nodes if node.alive and node.gpus >= 1]
    places = [int(node.gpus) * trials_per_gpu for node in able]
    fit = (int(node.cores) // count for node, count in zip(able, places, strict=True))
    each = threads or max(1, min(fit, default=1))
    return Shares(max(1, sum(places)), each, 1 / trials_per_gpu)
