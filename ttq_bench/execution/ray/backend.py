"""Trials as Ray core tasks: one fresh worker process each (several: see ``ranks.py``).

Ray retries nothing here (``max_retries=0``): it would repeat trials that ran out of memory without
limit. The scheduler decides what is tried again. No call here waits for Ray without a limit: a task
on a node that is cut off never returns, so nodes and signs of life are watched as well.
"""

import contextlib
import threading
import time
from dataclasses import replace
from functools import partial

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ttq_bench.errors import ClusterError, TtqBenchError
from ttq_bench.execution.ray.images import Parcel, Sender, received
from ttq_bench.execution.ray.nodes import NodeWatch
from ttq_bench.execution.ray.processes import ENDED
from ttq_bench.execution.ray.ranks import Group, cause_of_ray, near_driver, release, train_together
from ttq_bench.execution.ray.record_visibility import MissingRecords
from ttq_bench.execution.ray.start import (
    asking_ray,
    check_servers,
    connect,
    disconnect,
    list_nodes,
    of_task,
)
from ttq_bench.execution.ray.watchdog import Watchdog
from ttq_bench.execution.ray.workers import Sign, end_here, leave_sign_here
from ttq_bench.execution.resources import Shares
from ttq_bench.records.attempts.holder import this_host
from ttq_bench.records.attempts.lease import End, Lease, note_end
from ttq_bench.records.remote.store import Folder
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.trial.attempt import attempt
from ttq_bench.trial.outcome import Cause, Ended
from ttq_bench.trial.settings import ClusterOptions, RunSettings


@ray.remote(max_calls=1, max_retries=0)
def _run(spec: TrialSpec, settings: RunSettings, task: str, parcel: Parcel | None) -> Ended:
    node = ray.get_runtime_context().get_node_id()
    sign = partial(leave_sign_here, spec.trial_id, settings, task, node)
    return attempt(spec, replace(received(parcel, settings, sign), node=node), lambda: False)


@ray.remote(num_cpus=0, max_calls=1, max_retries=0)
def _run_ranks(group: Group) -> Ended:
    return train_together(group)


@ray.remote(num_cpus=0, max_calls=1, max_retries=0)
def _kill(process: int, trial_id: str) -> None:
    end_here(process, trial_id)


class RayBackend:
    """Runs trials on Ray, and says of each how it ended, also when Ray itself never would."""

    def __init__(self, options: ClusterOptions, folder: Folder) -> None:
        if options.address is not None:
            # It packs images. Before a job connects: Ray may take the folder of a job's code away
            # and bring it again when an earlier job of the same code has just ended.
            import ttq_bench.data.prepared  # noqa: F401 - torch: 2 s
        connect(options)
        self.options = options
        self.results = results = folder.results
        self.folder = folder
        may_wait = options.address is not None
        self.watchdog = Watchdog(results, options.silence_seconds, may_wait)
        self.missing_records = MissingRecords()
        self.sender = Sender()
        try:
            with asking_ray():
                self.nodes = NodeWatch(list_nodes)
        except ClusterError:
            disconnect()
            raise
        self.running: dict[ray.ObjectRef[Ended], str] = {}
        self.waits_for_nodes = False
        self.needs = Shares(1, 1, 0.0)  # of the trial submitted last

    def submit(self, spec: TrialSpec, settings: RunSettings) -> None:
        """Start the trial as soon as its cores and share of a GPU are free, times its ranks."""
        trial_id, cores, gpus = spec.trial_id, settings.threads, settings.gpu_share
        self.needs = Shares(1, cores, gpus, settings.ranks)
        task = self.watchdog.begin(trial_id)
        # Ray may still count on a node that refuses connections.
        gone = self.nodes.gone()
        labels = {"ray.io/node-id": f"!in({','.join(gone)})"} if gone else None
        parcel = self.sender.parcel(spec, settings) if self.options.address else None
        with asking_ray():
            if settings.ranks > 1:
                group = Group(spec, settings, task, parcel, labels, self.options.silence_seconds)
                waiting = _run_ranks.options(name=trial_id, scheduling_strategy=near_driver())
                reference = waiting.remote(group)
            else:
                worker = _run.options(
                    num_cpus=cores, num_gpus=gpus, name=trial_id, label_selector=labels
                )
                reference = worker.remote(spec, settings, task, parcel)
        self.running[reference] = trial_id

    def slots(self, shares: Shares) -> int:
        """Return how many trials may be submitted at once, at least one: Ray lets it wait."""
        if self.options.address is None:
            return shares.slots
        return max(1, self.nodes.slots(shares.threads, shares.gpus) // shares.ranks)

    def news(self) -> list[str]:
        """Return what the user should hear of the cluster since the last call."""
        lines = self.nodes.news()
        needs = self.needs
        waits = self.nodes.slots(needs.threads, needs.gpus) < needs.ranks
        if waits and not self.waits_for_nodes:
            each = f"cores: {needs.threads}" + (f", GPUs: {needs.gpus:g}" if needs.gpus else "")
            each += f", for each of {needs.ranks} ranks" if needs.ranks > 1 else ""
            lines.append(
                f"no node has what a trial needs ({each}); waiting for one to join (Ctrl-C ends)"
            )
        self.waits_for_nodes = waits
        return lines

    def wait(self, seconds: float) -> list[Ended]:
        """Return the tasks that ended or were given up. ``ClusterError`` when the head is gone."""
        check_servers()
        if self.nodes.head_is_lost():
            raise ClusterError("Ray's head does not answer any more; run the same command again")
        if self.options.address is None and not self.nodes.living():
            raise ClusterError(ENDED)
        ended = self.missing_records.settled(self.results)
        seconds = 0.0 if ended else seconds
        if not self.running:
            time.sleep(seconds)
            return ended
        with asking_ray():
            ready, _ = ray.wait(list(self.running), num_returns=1, timeout=seconds)
        for reference in ready:
            ended += self._ended(reference)
        return ended + self._lost()

    def _lost(self) -> list[Ended]:
        """Give up what Ray itself never would: tasks on nodes that are gone, silent workers."""
        lost = []
        silent = self.watchdog.silent()
        for reference, trial_id in list(self.running.items()):
            worker = self.watchdog.worker(trial_id)
            if worker and self.nodes.is_gone(worker.node):
                message = f"its node {worker.host} is gone"
                lost.append(self._given_up(reference, "node", message, note="its node is gone"))
            elif trial_id in silent:
                _end_process(worker, trial_id)
                lost.append(self._given_up(reference, "silence", silent[trial_id]))
        return lost

    def close(self) -> None:
        """End our own cluster, or leave the one that was joined; kill our workers here."""
        self.nodes.close()
        for trial_id in self.running.values():
            worker = self.watchdog.worker(trial_id)
            if worker and worker.host == this_host():
                end_here(worker.process, trial_id)
        disconnect()

    def _ended(self, reference: "ray.ObjectRef[Ended]") -> list[Ended]:
        """Return how a task ended, nothing yet if its record is still to be seen here."""
        trial_id = self.running[reference]
        try:
            ended = ray.get(reference, timeout=10)
        except exceptions.RayError as error:
            kind = type(error).__name__
            return [self._given_up(reference, cause_of_ray(error), of_task(error), note=kind)]
        del self.running[reference]
        self.watchdog.end(trial_id)
        if ended.outcome not in ("finished", "diverged"):
            return [ended]
        self.missing_records.add(ended)
        return self.missing_records.settled(self.results)

    def _given_up(
        self, reference: "ray.ObjectRef[Ended]", cause: Cause, message: str, note: str = ""
    ) -> Ended:
        """Note how the attempt ended, forget its task, and tell the scheduler.

        ``note`` is for the record, which names no machines; it is ``message`` unless given.
        """
        trial_id = self.running.pop(reference)
        sign = self.watchdog.sign(trial_id)
        if sign and sign.places:
            release(sign.places)
        with contextlib.suppress(OSError, TtqBenchError):  # for readers: it goes on without it
            if number := self.watchdog.attempt_number(trial_id):
                given_up = self.results.trial(trial_id).attempt(number)
                note_end(given_up, End(cause, note or message), self.folder.create)
        self.watchdog.end(trial_id)
        cancel = threading.Thread(target=_cancel, args=(reference,), daemon=True)
        cancel.start()
        return Ended(trial_id, "failed", message, cause, by_driver=True)


def _end_process(worker: Lease | Sign | None, trial_id: str) -> None:
    """Kill a silent worker where it is, so that it holds its cores no longer."""
    if worker is not None:
        where = NodeAffinitySchedulingStrategy(worker.node, soft=False)
        with asking_ray():
            _kill.options(scheduling_strategy=where).remote(worker.process, trial_id)


def _cancel(reference: "ray.ObjectRef[Ended]") -> None:
    try:
        ray.cancel(reference, force=True)
    except Exception:  # it ended, or its node is gone: nothing is left to cancel
        return
