"""Trials as Ray core tasks: one fresh worker process each. The only file that imports Ray.

Ray retries nothing here (``max_retries=0``): it would repeat trials that ran out of memory without
limit. The scheduler decides what is tried again.
"""

import logging
import os

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # on by default; set before ray is imported
os.environ.setdefault("RAY_DEDUP_LOGS", "0")

import ray
from ray.exceptions import RayError

from ttq_bench.execution.attempt import attempt
from ttq_bench.execution.backends import Task
from ttq_bench.execution.outcome import Ended
from ttq_bench.execution.settings import RunSettings
from ttq_bench.suite.spec import TrialSpec

OBJECT_STORE_BYTES = 100_000_000  # nothing large passes through it: images are mapped from files


@ray.remote(max_calls=1, max_retries=0)
def _run(spec: TrialSpec, settings: RunSettings) -> Ended:
    return attempt(spec, settings, lambda: False)


class RayBackend:
    """Runs trials on a Ray cluster of its own on this machine."""

    def __init__(self, cores: int, gpus: int) -> None:
        ray.init(
            address="local",  # never a cluster that happens to run: its nodes may lack the results
            num_cpus=cores,
            num_gpus=gpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        self.running: dict[ray.ObjectRef[Ended], str] = {}

    def submit(self, task: Task) -> None:
        """Start the task as soon as its cores and share of a GPU are free."""
        remote = _run.options(
            num_cpus=task.cores, num_gpus=task.gpus, name=task.spec.trial_id
        ).remote(task.spec, task.settings)
        self.running[remote] = task.spec.trial_id

    def wait(self, seconds: float) -> list[Ended]:
        """Return the tasks that ended, those whose worker died among them."""
        if not self.running:
            return []
        ready, _ = ray.wait(list(self.running), num_returns=1, timeout=seconds)
        return [self._ended(reference) for reference in ready]

    def _ended(self, reference: "ray.ObjectRef[Ended]") -> Ended:
        trial_id = self.running.pop(reference)
        try:
            return ray.get(reference, timeout=10)
        except RayError as error:
            return Ended(trial_id, "crashed", f"{type(error).__name__}: {_first_line(error)}")

    def close(self) -> None:
        """End the cluster, with every worker in it."""
        ray.shutdown()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
