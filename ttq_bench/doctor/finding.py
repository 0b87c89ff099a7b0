"""What a check found, and what to do about it.

To add a check: a function that returns its rows, and a line in ``commands/doctor.py``.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ttq_bench.errors import TtqBenchError

MEND = "mend that, then run the doctor again"
State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the table. ``advice`` is one sentence, empty where nothing is to be done.

    A run goes on with a *warning*; with a *problem* it ends, with exit code ``code``.
    """

    check: str
    found: str
    state: State = "ok"
    advice: str = ""
    code: int = TtqBenchError.exit_code

    def fields(self) -> dict[str, Any]:
        """Return the row as it stands in JSON."""
        return asdict(self) | {"code": self.code if self.state == "problem" else 0}


def exit_code(findings: Iterable[Finding]) -> int:
    """Return the code of the first problem, 0 without any."""
    return next((found.code for found in findings if found.state == "problem"), 0)


def carried_out(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """Return what a check finds; one that cannot be carried out is a problem, and ends no other."""
    try:
        return check()
    except TtqBenchError as error:
        return [refused(name, error)]
    except (OSError, ImportError) as error:
        found = f"cannot be looked at ({error})"
        return [Finding(name, found, "problem", MEND)]


def refused(name: str, error: TtqBenchError) -> Finding:
    """Return an error of a check as a problem; what to do stands behind its semicolon."""
    found, _, advice = str(error).partition("; ")
    return Finding(name, found, "problem", advice or MEND, error.exit_code)
