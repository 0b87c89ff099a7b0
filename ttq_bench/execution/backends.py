"""What the scheduler needs of a place to run, and the simplest one: this very process."""

import time
from collections.abc import Callable
from typing import Protocol

from ttq_bench.execution.resources import Shares
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.trial.attempt import attempt
from ttq_bench.trial.outcome import Ended
from ttq_bench.trial.settings import RunSettings


class Backend(Protocol):
    """A place to run trials, each with the share of a machine that its settings name.

    ``wait`` returns what ended since, after ``seconds`` at the latest. It returns sooner only with
    something that ended: the scheduler asks again at once. ``slots`` says how many trials it takes
    at once now, ``news`` what the user should hear of it.
    """

    def submit(self, spec: TrialSpec, settings: RunSettings) -> None: ...  # noqa: D102
    def wait(self, seconds: float) -> list[Ended]: ...  # noqa: D102
    def slots(self, shares: Shares) -> int: ...  # noqa: D102
    def news(self) -> list[str]: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class InProcessBackend:
    """Runs one trial after the other in this process: for debugging, and without Ray."""

    def __init__(self, interrupted: Callable[[], bool]) -> None:
        self.interrupted = interrupted
        self.queue: list[tuple[TrialSpec, RunSettings]] = []

    def submit(self, spec: TrialSpec, settings: RunSettings) -> None:
        """Keep the trial until ``wait``."""
        self.queue.append((spec, settings))

    def wait(self, seconds: float) -> list[Ended]:
        """Run the next trial to its end, however long that takes; without any, let time pass."""
        if not self.queue:
            time.sleep(seconds)
            return []
        spec, settings = self.queue.pop(0)
        return [attempt(spec, settings, self.interrupted)]

    def slots(self, shares: Shares) -> int:
        """Return what was planned."""
        return shares.slots

    def news(self) -> list[str]:
        """Return nothing: this process is all there is."""
        return []

    def close(self) -> None:
        """Nothing to give back."""
