"""Which names below a URL are a results folder's, and how the folder of this machine follows them.

A stranger may have put other objects there: nothing is taken under any other name.
"""

import contextlib
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pydantic

from ttq_bench.records.attempts.progress import Progress
from ttq_bench.records.paths import SAFE_ID, ResultsPaths

ID = SAFE_ID.pattern
RECORD = re.compile(rf"trials/({ID})\.tar")
STATE = re.compile(
    rf"work/{ID}/attempts/(\d{{6}})/(weights|checkpoints/epoch-\d{{6}}(-step-\d{{8}})?)"
    r"\.(pt|sha256)"
)
ONCE = re.compile(rf"work/{ID}/attempts/\d{{6}}\.(lease|end)\.json")
CHANGING = re.compile(
    rf"(plans|probes)/{ID}\.json|failures/{ID}/failure\.json"
    rf"|work/{ID}/(begun|attempts/\d{{6}}/progress)\.json"
)
NETWORK = re.compile(rf"networks/{ID}\.safetensors")
KNOWN = (RECORD, STATE, ONCE, CHANGING, NETWORK)
WRITTEN = re.compile("|".join(form.pattern for form in KNOWN))
REPORT = re.compile(
    rf"summary\.md|report\.html|report\.sha256|pages/{ID}\.md|tables/{ID}\.csv"
    rf"|figures/{ID}\.(png|svg)"
)
ATTEMPT = re.compile(rf"work/{ID}/attempts/(\d{{6}})/.+")
SETTLED_SECONDS = 60.0  # a younger file may be here and not yet at the URL

_PROGRESS = pydantic.TypeAdapter(Progress)


def attempt_number(name: str) -> int | None:
    """Return the number of the attempt in whose folder ``name`` lies, None for other names."""
    found = ATTEMPT.fullmatch(name)
    return int(found[1]) if found else None


def is_news(path: Path, content: bytes) -> bool:
    """Return whether ``content`` should take the place of what is here in ``path``.

    The progress of an attempt of this machine is shown at the URL with delay: more beats count.
    """
    try:
        here = path.read_bytes()
    except OSError:
        return True
    if path.name != "progress.json":
        return here != content
    return _beats(content) > _beats(here)


def _beats(content: bytes) -> tuple[int, bool]:
    try:
        progress = _PROGRESS.validate_json(content)
    except ValueError:
        return -1, False
    return progress.beat, progress.ended


def settled_names(results: ResultsPaths) -> dict[str, Path]:
    """Return what has to lie at the URL if it is here: records, failures, plans and probes."""
    now, found = time.time(), {}
    for path in results.trials.glob("[!.]*"):
        found[f"trials/{path.name}.tar"] = path  # shown here after it was published there
    for path in _files(results):
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > SETTLED_SECONDS:
                found[path.relative_to(results.root).as_posix()] = path
    return found


def _files(results: ResultsPaths) -> Iterator[Path]:
    for pattern in ("failures/*/failure.json", "plans/*.json", "probes/*.json"):
        yield from results.root.glob(pattern)


def remove_gone(before: dict[str, Path], names: Collection[str]) -> None:
    """Delete here what was here before ``names`` were listed, and is not among them."""
    for name, path in before.items():
        if name in names:
            continue
        if path.is_dir():
            doomed = path.with_name(f".doomed-{secrets.token_hex(8)}")
            with contextlib.suppress(FileNotFoundError):
                path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
