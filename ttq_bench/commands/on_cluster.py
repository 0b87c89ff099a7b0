"""What a run has to know of the cluster at ``--address`` before it says what it will do."""

import argparse
from dataclasses import replace

from ttq_bench.commands.prepared import Prepared
from ttq_bench.errors import TtqBenchError, no_ray
from ttq_bench.execution.ray import security
from ttq_bench.execution.resources import share
from ttq_bench.records.remote.store import Folder

# A worker's sign of life comes by the URL: put every 10 s there, looked for every 5 s here.
LEAST_SILENCE_SECONDS = 30.0


def shared_out(prepared: Prepared, options: argparse.Namespace, folder: Folder) -> Prepared:
    """Return what was prepared, shared among the cluster's nodes if the run is for a cluster.

    A run that has nothing to do needs no cluster, and gets none.
    """
    for_cluster = options.backend == "ray" and options.address is not None
    if not for_cluster or not prepared.plan.pending:
        return prepared
    if folder.url and options.silence < LEAST_SILENCE_SECONDS:
        raise TtqBenchError(
            f"--silence: expected at least {LEAST_SILENCE_SECONDS:.0f}s with results at a URL on a"
            f" cluster, got {options.silence:g}s; signs of life take up to 20 s on their way there"
        )
    security.prepare(options.address, options.dashboard)
    try:
        from ttq_bench.execution.ray.start import nodes_at  # 1 s, once its environment is set
    except ImportError as error:
        raise no_ray(error) from error
    nodes = [node for node in nodes_at(options.address) if node.alive]
    machine = replace(
        prepared.machine,
        cores=int(sum(node.cores for node in nodes)),
        gpus=int(sum(node.gpus for node in nodes)),
    )
    shares = share(
        nodes, prepared.device, len(prepared.plan.trials), threads=options.threads,
        trials_per_gpu=options.trials_per_gpu or 1, ranks=options.ranks,
    )  # fmt: skip
    return replace(prepared, machine=machine, shares=shares)
