"""Figures and the summary, drawn from the analysis alone."""

# Every module of this package is imported after these lines, and Matplotlib by them.
import contextlib
import logging
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path


@contextlib.contextmanager
def _without_user_settings() -> Iterator[None]:
    """Keep MPLBACKEND and every matplotlibrc away: one may name what cannot be imported or read.

    Matplotlib reads the file in the working directory before any other, so its own lies there.
    """
    spec = find_spec("matplotlib")
    assert spec is not None, "a requirement of this package"
    assert spec.origin is not None
    backend, here = os.environ.pop("MPLBACKEND", None), os.open(".", os.O_PATH)
    os.chdir(Path(spec.origin).parent / "mpl-data")
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells where it keeps its cache
with _without_user_settings():
    import matplotlib as _  # noqa: F401
