"""What computes here: Python and packages against their ranges and the lock; the clock.

Records are dated by the clock, which cannot be earlier than the code that runs.
"""

import platform
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

import ttq_bench
from ttq_bench.doctor.finding import Finding
from ttq_bench.errors import how_to_install
from ttq_bench.provenance import arithmetic, source_commit, why_no_commit
from ttq_bench.spec.training_version import TRAINING_VERSION

NAME = "ttq-bench"
LOCK = Path(ttq_bench.__file__).parents[1] / "requirements.lock"
INSTALL = how_to_install()
SKEW_SECONDS = 5.0  # signs of life and notes of machines that share a folder are compared
DAY_SECONDS = 86400.0  # files may come from a machine whose clock is a little ahead
LOCKED = re.compile(r"([\w.-]+)==([^\s;\\]+)")


def check() -> list[Finding]:
    """Return the rows of Python, of the packages and of this code."""
    try:
        required = metadata.requires(NAME) or []
        python = metadata.metadata(NAME)["Requires-Python"]
    except metadata.PackageNotFoundError:
        return [Finding("packages", f"{NAME} is not installed", "problem", INSTALL), _own()]
    locked = _locked(LOCK.read_text(encoding="utf-8")) if LOCK.is_file() else {}
    return [_python(platform.python_version(), python), judged(required, locked), _own()]


def judged(required: Iterable[str], locked: Mapping[str, set[str]]) -> Finding:
    """Return what is wrong with the installed packages: missing, out of range, not as locked."""
    outside, other = [], []
    for text in required:
        requirement = Requirement(text)
        if requirement.marker is not None:  # of an extra
            continue
        name, bounds = requirement.name, str(requirement.specifier)
        version = _installed(name)
        if version is None or not within(version, bounds):
            outside.append(f"{name} {version or 'is missing'} (needs {bounds})")
        elif name in locked and version not in locked[name]:
            other.append(f"{name} {version} (lock: {', '.join(sorted(locked[name]))})")
    if outside:
        return Finding("packages", ", ".join(outside), "problem", f"{INSTALL} to get what it needs")
    if other:
        advice = f"{INSTALL} for the tested versions; under others the last bits may differ"
        return Finding("packages", ", ".join(other), "warning", advice)
    return Finding("packages", "all as requirements.lock says" if locked else "all within range")


def within(version: str, bounds: str) -> bool:
    """Return whether a version such as ``2.15.0+cu128`` lies within ``>=2.10,<3`` (PEP 440)."""
    try:
        return SpecifierSet(bounds).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def _locked(text: str) -> dict[str, set[str]]:
    """Return the versions of each package in the lock; some have one for each Python."""
    versions: dict[str, set[str]] = {}
    for line in text.splitlines():
        if match := LOCKED.match(line):
            versions.setdefault(match[1], set()).add(match[2])
    return versions


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def _python(version: str, bounds: str) -> Finding:
    row = Finding("python", f"{version} (needs {bounds})")
    if within(version, bounds):
        return row
    advice = "install ttq-bench into an environment with such a Python"
    return replace(row, state="problem", advice=advice)


def _own() -> Finding:
    found = f"{ttq_bench.__version__}, commit {source_commit()}, arithmetic {arithmetic()}"
    found += f", training version {TRAINING_VERSION}"
    reason, way_out = why_no_commit()
    if reason:
        advice = f"{way_out}, so that records name their commit"
        return Finding("ttq_bench", f"{found}: {reason}", "warning", advice)
    return Finding("ttq_bench", found)


def check_clock() -> list[Finding]:
    """Return the row of the clock: this package and its last commit cannot be from the future."""
    package = Path(ttq_bench.__file__).parent
    newest = max(path.stat().st_mtime for path in package.rglob("*.py"))
    return [judged_clock(time.time(), max(newest, _committed(package)))]


def _committed(package: Path) -> float:
    """Return when the last commit was made, which another clock than this machine's dated."""
    words = ["git", "--no-optional-locks", "-C", str(package), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True)
        return float(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0


def judged_clock(now: float, newest: float) -> Finding:
    """Return what to do about a clock (seconds since 1970) that is behind the newest code."""
    if now >= newest - DAY_SECONDS:
        return Finding("clock", _date(now))
    found = f"{_date(now)}, but the code is from {_date(newest)}"
    return Finding("clock", found, "warning", "set the clock (NTP): records are dated by it")


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
