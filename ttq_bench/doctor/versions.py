"""Versions: Python and each package against the ranges of pyproject.toml and against the lock."""

import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import ttq_bench
from ttq_bench.doctor.finding import Finding
from ttq_bench.provenance import arithmetic, source_commit, why_no_commit
from ttq_bench.spec.training_version import TRAINING_VERSION

NAME = "ttq-bench"
LOCK = Path(ttq_bench.__file__).parents[1] / "requirements.lock"
INSTALL = "run `make install`"
# All that pyproject.toml uses: name, bounds; what has a marker belongs to an extra.
REQUIREMENT = re.compile(r"([\w.-]+)((?:(?:>=|<)[\d.]+,?)*)")
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
    for name, bounds in _requirements(required):
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
    """Return whether a version such as ``2.15.0+cu128`` lies within ``>=2.10,<3``."""
    number = _numbers(version)
    for bound in filter(None, bounds.split(",")):
        limit = _numbers(bound.lstrip("<>="))
        if (number < limit) if bound.startswith(">=") else (number >= limit):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    leading = re.match(r"[\d.]*\d", version)
    return tuple(map(int, leading[0].split("."))) if leading else ()


def _requirements(required: Iterable[str]) -> Iterator[tuple[str, str]]:
    for text in required:
        if ";" not in text:
            match = REQUIREMENT.fullmatch(text)
            assert match is not None, f"pyproject.toml: {text!r} has a form that is not read here"
            yield match[1], match[2]


def _locked(text: str) -> dict[str, set[str]]:
    """Return the versions of each package in the lock; some have one for each Python."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if match := LOCKED.match(line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def _python(version: str, bounds: str) -> Finding:
    fine = within(version, bounds)
    advice = "" if fine else "make the environment anew: `make clean install PYTHON=python3.11`"
    return Finding("python", f"{version} (needs {bounds})", "ok" if fine else "problem", advice)


def _own() -> Finding:
    told = f"{ttq_bench.__version__}, commit {source_commit()}, arithmetic {arithmetic()}"
    told += f", training version {TRAINING_VERSION}"
    reason, way_out = why_no_commit()
    if reason:
        advice = f"{way_out}, so that records name their commit"
        return Finding("ttq_bench", f"{told}: {reason}", "warning", advice)
    return Finding("ttq_bench", told)
