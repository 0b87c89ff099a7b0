"""A trial on several workers of Ray Train: rank 0 is an attempt like any other, the rest follow.

Ray Train places all of them or none, connects them, and retries nothing. When one of them ends, the
others are ended with it, and the scheduler starts an attempt that goes on at the last checkpoint.
"""

import contextlib
import os
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import ray
from ray import exceptions
from ray.util.placement_group import PlacementGroup, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.ray.images import Parcel, received
from ttq_bench.execution.ray.start import first_line
from ttq_bench.execution.ray.watchdog import STALL_SECONDS
from ttq_bench.execution.ray.workers import TRIAL_VARIABLE, leave_sign_here
from ttq_bench.records.attempts.lease import End, newest_number, note_end
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import write_failure
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.text import without_credentials
from ttq_bench.trial.outcome import Cause, Ended, cause_of
from ttq_bench.trial.settings import RunSettings

# Of Ray Train: it would change the folder in which a trial runs, count for a dashboard, and look
# out for announced ends of nodes; ranks wait for their places as long as it takes.
ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(10 * 24 * 3600),
}
GONE = "a rank of it is gone"
ORDER: tuple[Cause, ...] = ("memory", "node", "silence", "system", "error", "crash", "")
NODE_LOST = (
    exceptions.ActorUnavailableError,
    exceptions.NodeDiedError,
    exceptions.ObjectLostError,
    exceptions.LocalRayletDiedError,
    exceptions.GetTimeoutError,
)


@dataclass(frozen=True, slots=True)
class Group:
    """The ranks of a trial: what they train as which task, on which nodes they may be placed.

    One whose process does not answer Ray Train for ``silence_seconds`` is given up.
    """

    spec: TrialSpec
    settings: RunSettings
    task: str
    parcel: Parcel | None
    labels: dict[str, str] | None
    silence_seconds: float


class RankFailedError(Exception):
    """The attempt of rank 0 failed; ``args`` is how, so that it travels between processes."""


def near_driver() -> NodeAffinitySchedulingStrategy:
    """Return the placement of the task that waits for the ranks: on the node of the driver."""
    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)


def train_together(group: Group) -> Ended:
    """Train a trial on ``settings.ranks`` workers; return how it ended.

    Returns when rank 0 has recorded it, or when one of them failed.
    """
    os.environ.update(ENVIRONMENT)
    os.environ["RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S"] = str(group.silence_seconds)
    from ray.train import (
        FailureConfig,
        LoggingConfig,
        RunConfig,
        ScalingConfig,
        TrainingFailedError,
    )
    from ray.train.torch import TorchConfig

    settings, on_gpu = group.settings, group.settings.device == "cuda"
    needs = {"CPU": float(settings.threads)} | ({"GPU": 1.0} if on_gpu else {})
    paths = ResultsPaths(settings.results).trial(group.spec.trial_id)
    before = newest_number(paths)
    with tempfile.TemporaryDirectory() as scratch:  # Ray Train's own notes; states are kept by us
        trainer = _trainer()(
            _train_rank,
            train_loop_config={"group": group},
            torch_config=TorchConfig(
                backend="cpu:gloo,cuda:nccl" if on_gpu else "gloo",
                timeout_s=int(2 * STALL_SECONDS),
            ),
            scaling_config=ScalingConfig(  # type: ignore[call-arg]
                num_workers=settings.ranks,
                use_gpu=on_gpu,
                resources_per_worker=needs,
                label_selector=group.labels,
            ),
            run_config=RunConfig(  # type: ignore[call-arg]
                name="ranks",
                storage_path=scratch,
                logging_config=LoggingConfig("CRITICAL"),
                failure_config=FailureConfig(  # type: ignore[call-arg]
                    max_failures=0, controller_failure_limit=0, max_preemption_failures=0
                ),
                worker_runtime_env={"env_vars": {TRIAL_VARIABLE: group.spec.trial_id}},
            ),
        )
        try:
            ended = trainer.fit().return_value
        except TrainingFailedError as error:
            return _failed(group, error, before)
    assert isinstance(ended, Ended)
    return ended


def _places() -> str:
    """Return the placement group that this process is in."""
    return ray.util.get_current_placement_group().id.hex()  # type: ignore[union-attr]


def release(places: str) -> None:
    """Remove a placement group of ranks that were given up, and end those left in it."""
    group = PlacementGroup(ray.PlacementGroupID(bytes.fromhex(places)))
    remove_placement_group(group)


def _trainer() -> Any:
    """Return Ray Train's trainer without the detached actor that it would leave in the cluster.

    The actor releases the places of a group whose controller was killed, as ``release`` does here.
    Without a dashboard it cannot see that end: it stays, with 200 MB, and keeps each trial 12 s.
    """
    from ray.train.torch import TorchTrainer

    class Trainer(TorchTrainer):
        def _create_default_callbacks(self) -> list[Any]:
            made: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
            left_out = "PlacementGroupCleanerCallback"
            return [callback for callback in made if type(callback).__name__ != left_out]

    return Trainer


def _train_rank(config: dict[str, Any]) -> Ended | None:
    """Train as one of the ranks; rank 0 returns how the trial ended, or raises if it failed."""
    from ray.train import get_context

    from ttq_bench.ranks import Ranks
    from ttq_bench.trial.allocator import keep_freed_memory
    from ttq_bench.trial.attempt import attempt
    from ttq_bench.trial.rank_followers import follow

    group: Group = config["group"]
    rank = get_context().get_world_rank()
    node = ray.get_runtime_context().get_node_id()
    task = group.spec.trial_id, group.settings, group.task, node
    signs = () if rank else (partial(leave_sign_here, *task, places=_places()),)
    settings = replace(received(group.parcel, group.settings, *signs), rank=rank, node=node)
    if rank:
        keep_freed_memory()
        follow(group.spec, settings, Ranks(rank, settings.ranks))
        return None
    ended = attempt(group.spec, settings, lambda: False)
    if ended.outcome == "failed":  # raised, so that the others do not wait for this one
        raise RankFailedError(ended)
    return ended


def _failed(group: Group, error: Exception, before: int) -> Ended:
    """Return why the ranks failed; note it for readers where rank 0 did not.

    When one ends, the others fail as well, each in its way. The cause is a process that is gone, if
    there is one; else an error; else a lost connection.
    """
    trial_id = group.spec.trial_id
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    endings = [_ending_of(trial_id, rank, one) for rank, one in sorted(failures.items())]
    beneath = getattr(error, "controller_failure", None)
    if beneath is not None:
        endings.append(Ended(trial_id, "failed", first_line(beneath), cause_of_ray(beneath)))
    endings.append(Ended(trial_id, "failed", GONE, "crash"))
    ended = min(endings, key=lambda end: (ORDER.index(end.cause), end.message == GONE))
    is_first = isinstance(failures.get(0), RankFailedError) and ended is endings[0]
    failure = ended.message if ended.cause == "error" and not is_first else ""
    _note(group.spec, group.settings, before, End(ended.cause, "one of its ranks failed"), failure)
    return ended


def _ending_of(trial_id: str, rank: int, error: Exception) -> Ended:
    """Return how the trial ended as far as the failure of one rank says."""
    death = getattr(error, "health_check_failure", None)  # then Ray Train missed its process
    if death is not None:
        cause = cause_of_ray(death)
        cause = "crash" if cause == "error" else cause
        return Ended(trial_id, "failed", f"rank {rank} died", cause)
    if type(error).__name__ == "WorkerHealthCheckTimeoutError":
        return Ended(trial_id, "failed", f"rank {rank} gave no sign of life", "silence")
    if isinstance(error, RankFailedError):
        ended: Ended = error.args[0]
    else:
        words = without_credentials(str(error) if isinstance(error, TtqBenchError) else repr(error))
        ended = Ended(trial_id, "failed", f"rank {rank}: {words}", cause_of(error))
    return replace(ended, message=GONE) if ended.cause == "crash" else ended


def _note(spec: TrialSpec, settings: RunSettings, before: int, end: End, failure: str = "") -> None:
    folder = settings.folder()
    paths = folder.results.trial(spec.trial_id)
    with contextlib.suppress(OSError, TtqBenchError):  # for readers: it goes on without it
        if (number := newest_number(paths)) > before:
            note_end(paths.attempt(number), end, folder.create)
        if failure:
            write_failure(paths, failure, "", spec.resolved())
            folder.post(paths.failure)


def cause_of_ray(error: Exception) -> Cause:
    """Return the class of a failure that Ray reports."""
    if isinstance(error, exceptions.OutOfMemoryError):
        return "memory"
    if isinstance(error, exceptions.OutOfDiskError):
        return "system"
    with_node = isinstance(error, exceptions.ActorDiedError) and "its node has died" in str(error)
    if isinstance(error, NODE_LOST) or with_node:
        return "node"
    died = isinstance(error, exceptions.WorkerCrashedError | exceptions.ActorDiedError)
    return "crash" if died else "error"
