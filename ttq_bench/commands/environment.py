"""Environment variables that would end a command, or Ray's own processes, with a traceback.

Some are set or removed here; for the others an error names the variable.
"""

import os
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType, TracebackType

from ttq_bench.errors import TtqBenchError
from ttq_bench.text import one_line

# Ray's processes end under these: without docstrings, and at the first warning.
OF_PYTHON = ("PYTHONOPTIMIZE", "PYTHONWARNINGS")
# Packages that read variables when they are imported, and how the names of these begin.
READERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"torch": ("TORCH", "PYTORCH"), "ray": ("RAY_",), "triton": ("TRITON",), "matplotlib": ("MPL",)}
)


def settle() -> None:
    """Set and remove variables; ``TtqBenchError`` for one whose value cannot be used."""
    given = {name for name in OF_PYTHON if os.environ.pop(name, "")}
    if "PYTHONWARNINGS" in given:
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
    os.environ["MPLBACKEND"] = "agg"  # a notebook's shell names one that is not installed here
    date = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not (date.isascii() and date.isdecimal() and len(date) < 12):  # noqa: PLR2004
        raise TtqBenchError(
            f"SOURCE_DATE_EPOCH: expected seconds since 1970 as a whole number, got"
            f" {one_line(date, 80)!r}; set it so, or unset it"
        )


def blamed(error: Exception) -> TtqBenchError | None:
    """Return the sentence for an error of a package that reads variables when it is imported.

    None for any other error.
    """
    package = next(filter(READERS.__contains__, _imported(error.__traceback__)), None)
    return _sentence(package, error) if package else None


def _sentence(package: str, error: Exception) -> TtqBenchError | None:
    reason = " ".join(str(error).split())
    names = sorted(name for name in os.environ if name.startswith(READERS[package]))
    named = [name for name in names if name in reason] or names
    if isinstance(error, ImportError) and not any(name in reason for name in names):
        return TtqBenchError(
            f"{package} cannot be imported ({one_line(reason, 200)}); it takes some GB of address"
            " space (`ulimit -v`), or is not whole: install it again"
        )
    if not named:
        return None
    return TtqBenchError(
        f"{', '.join(named)}: {package} cannot be imported with what is set there"
        f" ({one_line(f'{type(error).__name__}: {reason}', 200)}); unset it, or set another value"
    )


def _imported(trace: TracebackType | None) -> Iterator[str]:
    """Yield the packages whose modules were just imported, the outermost first."""
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "<module>":
            yield str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        trace = trace.tb_next
