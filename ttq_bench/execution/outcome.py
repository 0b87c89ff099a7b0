"""How an attempt at a trial can end."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["finished", "diverged", "stopped", "failed", "crashed"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended; ``crashed`` (the process died) comes from the backend alone."""

    trial_id: str
    outcome: Outcome
    message: str = ""
