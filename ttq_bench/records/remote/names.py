"""The names that results may have below a URL, and how the local folder follows them.

Other programs may have put objects there: an object of any other name is ignored.
"""

import contextlib
import itertools
import re
import secrets
import shutil
import time
from collections.abc import Collection
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
    match = ATTEMPT.fullmatch(name)
    return int(match[1]) if match else None


def is_news(path: Path, content: bytes) -> bool:
    """Return whether ``content``, from the URL, should replace what is here in ``path``.

    The progress of an attempt of this machine reaches the URL late, so the one with more beats is
    kept.
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
    """Return the local files that have to be at the URL, too.

    Those are records, failures, plans, probes and networks.
    """
    now = time.time()
    # A record is published at the URL before it is here.
    settled = {f"trials/{path.name}.tar": path for path in results.trials.glob("[!.]*")}
    files = ("failures/*/failure.json", "plans/*.json", "probes/*.json", "networks/*.safetensors")
    for path in itertools.chain.from_iterable(map(results.root.glob, files)):
        name = path.relative_to(results.root).as_posix()
        with contextlib.suppress(OSError):
            if WRITTEN.fullmatch(name) and now - path.stat().st_mtime > SETTLED_SECONDS:
                settled[name] = path
    return settled


def remove_gone(before: dict[str, Path], names: Collection[str]) -> None:
    """Delete those of ``before`` that are not among ``names``, listed at the URL afterwards."""
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
