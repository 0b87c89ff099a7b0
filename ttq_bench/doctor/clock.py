"""The clock: records are dated by it, and it cannot be earlier than the code that runs."""

import subprocess
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import ttq_bench
from ttq_bench.doctor.finding import Finding

SKEW_SECONDS = 5.0  # signs of life and notes of machines that share a folder are compared
DAY_SECONDS = 86400.0  # a commit may come from a machine whose clock is a little ahead


def check() -> list[Finding]:
    """Return the row of the clock."""
    return [judged(time.time(), newest_code())]


def judged(now: float, newest: float) -> Finding:
    """Return what to do about a clock (seconds since 1970) that is behind the newest code."""
    if now >= newest - DAY_SECONDS:
        return Finding("clock", _date(now))
    told = f"{_date(now)}, but the code is from {_date(newest)}"
    return Finding("clock", told, "warning", "set the clock (NTP): records are dated by it")


def newest_code() -> float:
    """Return when the newest of this code, its last commit and its packages was made."""
    package = Path(ttq_bench.__file__).parent
    times = [path.stat().st_mtime for path in package.rglob("*.py")]
    times += [_installed(name) for name in ("ttq-bench", "torch", "ray")]
    return max([*times, _committed(package)])


def _installed(name: str) -> float:
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return 0.0
    places = [Path(str(file.locate())) for file in files if file.name == "METADATA"]
    return max((place.stat().st_mtime for place in places if place.exists()), default=0.0)


def _committed(package: Path) -> float:
    words = ["git", "--no-optional-locks", "-C", str(package), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True)
        return float(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
