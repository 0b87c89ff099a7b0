"""Files among results that ttq-bench did not write, such as the copies that syncing programs make.

Readers pass over them, and each command names them once (``foreign_files``). A name can be ours if
``SAFE_ID`` allows it. A copy may have such a name, too: it holds the trial id of the file that it
was copied from. Users also keep files of their own among probes and plans: of the names that can be
ours, those files are ours that are named after a trial or hold what only our writers write.
"""

import os
import re
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pydantic

from ttq_bench.files import TEMPORARY
from ttq_bench.foreign_folders import MOST_BYTES
from ttq_bench.records.paths import SAFE_ID, ResultsPaths
from ttq_bench.records.schema import TABLES
from ttq_bench.records.seal import SEAL

# A suite may be named ``one_conflict``: without a dot, a date has to follow (ownCloud, Nextcloud).
CONFLICT = re.compile(r"\.sync-conflict-|\.conflict|_conflict-\d{8}-\d{6}", re.IGNORECASE)
# Not worth a word: of version control, systems and syncing programs; and what is being written now.
SILENT = re.compile(
    r"\.(git.*|DS_Store|st(folder|ignore|versions)|dropbox.*|nfs.*|Trash.*|directory|localized)"
    rf"|\.{SAFE_ID.pattern}\.[a-z0-9_]{{8}}|\.doomed-[0-9a-f]{{16}}|{TEMPORARY.pattern}"
)
TRIAL_ID = re.compile(r".+-s\d+(r\d+)?-[0-9a-f]{12}")
OF_A_PROBE = re.compile(rb'"probe_version"')
OF_A_PLAN = re.compile(rb'\A\{\n  "suite": "|"trial_ids"')
OF_A_RECORD = (*TABLES, "record.json", SEAL)
OF_WORK = ("driver.lock", "stop")
_FIELDS = pydantic.TypeAdapter(dict[str, Any])


def is_own_name(name: str) -> bool:
    """Return whether a trial, a probe or a plan of ttq-bench may have this name."""
    return bool(SAFE_ID.fullmatch(name)) and not CONFLICT.search(name)


def trial_names(folder: Path) -> list[str]:
    """Return the names of the trials in ``folder``, sorted, without copies of one of them."""
    names = [name for name in _names(folder) if is_own_name(name)]
    return sorted(set(names) - copies(names, lambda name: _trial_id(folder / name / "record.json")))


def json_files(folder: Path) -> list[Path]:
    """Return the JSON files of ``folder`` whose names can be ours, sorted, without copies."""
    stems = [name.removesuffix(".json") for name in _names(folder) if name.endswith(".json")]
    own = {stem: folder / f"{stem}.json" for stem in stems if is_own_name(stem)}
    return [own[stem] for stem in sorted(own.keys() - copies(own, lambda s: _trial_id(own[s])))]


def probe_files(results: ResultsPaths) -> list[Path]:
    """Return the probes, whole or damaged: files that are named after a trial, or read as one."""
    trials = set(_names(results.trials))
    return [
        path
        for path in json_files(results.probes)
        if path.stem in trials or TRIAL_ID.fullmatch(path.stem) or _may_hold(path, OF_A_PROBE)
    ]


def plan_files(results: ResultsPaths) -> list[Path]:
    """Return the noted plans, whole or damaged: files that begin like one, or list trials."""
    return [path for path in json_files(results.root / "plans") if _may_hold(path, OF_A_PLAN)]


def copies(names: Collection[str], trial_id_of: Callable[[str], str | None]) -> set[str]:
    """Return those of ``names`` that begin with another one and hold the trial id of that one."""
    known = set(names)
    copied = set()
    for name in names:
        beginnings = [name[:at] for at, letter in enumerate(name) if not letter.isalnum()]
        original = max(known.intersection(beginnings), key=len, default=None)
        if original is not None and trial_id_of(name) == original:
            copied.add(name)
    return copied


def foreign_files(results: ResultsPaths) -> list[str]:
    """Return the files and folders among the results that are passed over, relative to them."""
    names = _passed_over(results)
    return sorted(name for name in names if not SILENT.fullmatch(name.split("/")[-1]))


def _passed_over(results: ResultsPaths) -> Iterator[str]:
    own = trial_names(results.trials)
    yield from (f"trials/{name}" for name in set(_names(results.trials)) - set(own))
    for name in own:
        others = set(_names(results.trials / name)).difference(OF_A_RECORD)
        yield from (f"trials/{name}/{other}" for other in others)
    for place, files in (("probes", probe_files), ("plans", plan_files)):
        known = {path.name for path in files(results)}
        yield from (f"{place}/{name}" for name in set(_names(results.root / place)) - known)
    for place, known in (("failures", set()), ("work", set(OF_WORK))):
        others = {name for name in _names(results.root / place) if not is_own_name(name)}
        yield from (f"{place}/{name}" for name in others - known)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - paths of 10,000 trials cost a second
    except OSError:
        return []  # whatever reads its files says why they cannot be read


def _may_hold(path: Path, words: re.Pattern[bytes]) -> bool:
    """Return whether a file holds the words, or cannot be read: its reader will say why."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return False
        return status.st_size > MOST_BYTES or bool(words.search(path.read_bytes()))
    except FileNotFoundError:  # a link to nothing, or a file that was renamed just now
        return False
    except OSError:
        return True


def _trial_id(path: Path) -> str | None:
    """Return the trial id in a file that nobody has checked yet; None for a link or no file."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
        return None
    try:
        return str(_FIELDS.validate_json(path.read_bytes()).get("trial_id"))
    except (OSError, ValueError):
        return None
