"""The one family of errors that a user can mend; the CLI prints them without a traceback.

Add a class here only when it needs an exit code of its own.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


class TtqBenchError(Exception):
    """Something the user can mend: the message says where, what was given, and what is allowed."""

    exit_code = 2


class SuiteError(TtqBenchError):
    """A suite file that does not say what to run (exit code 2)."""


class ResultsError(TtqBenchError):
    """A results folder that cannot be read or written (exit code 2)."""


class DataError(TtqBenchError):
    """Images that are missing, incomplete or not what they claim to be (exit code 5)."""

    exit_code = 5


class ClusterError(TtqBenchError):
    """A Ray cluster that cannot be used or no longer exists (exit code 69, as in sysexits.h)."""

    exit_code = 69


class TrialsFailedError(TtqBenchError):
    """The grid ended, but some trials failed; the others have their records (exit code 3)."""

    exit_code = 3


class VerificationError(TtqBenchError):
    """A report, or a record, that is not what the records give (exit code 6)."""

    exit_code = 6


class BusyError(TtqBenchError):
    """Another driver is at work on the same results folder (exit code 75, as in sysexits.h)."""

    exit_code = 75


class QuantizationWarning(UserWarning):
    """Weights that ``quantize_`` left as they were, or what may keep a network from learning."""


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """Return a hint such as ``; did you mean 'ttq'? (allowed: bwn, ttq)``.

    Without a name that is close to the given one, it lists the allowed names alone.
    """
    names = sorted(map(str, allowed))
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} (allowed: {', '.join(names)})"


def unknown_name(where: str, kind: str, given: str, allowed: Iterable[str]) -> TtqBenchError:
    """Return the error for a name that is not among the allowed ones."""
    return TtqBenchError(f"{where}: unknown {kind} {given!r}{did_you_mean(given, allowed)}")


def unwritable(results: Path | str, error: OSError) -> ResultsError:
    """Return the error for a results folder that cannot be written."""
    return ResultsError(
        f"{results}: results cannot be written there ({error.strerror});"
        " name another folder with --results"
    )


def how_to_install(checkout: Path = CHECKOUT) -> str:
    """Return how to install missing packages: by the Makefile of a checkout, or else by pip."""
    has_make = (checkout / "Makefile").is_file()
    return "run `make install`" if has_make else "install ttq-bench with pip again"


def no_ray(error: ImportError, way_out: str = "") -> ResultsError:
    """Return the error for a Ray that cannot be imported; ``way_out`` is another thing to do."""
    return ResultsError(f"Ray cannot be imported ({error}); {how_to_install()}{way_out}")
