"""Files among results that no writer here made: copies of programs that sync, and the like.

They are passed over by every reader, and named once by each command (``foreign_files``). A name is
ours if ``SAFE_ID`` allows it; a copy whose name is allowed too bears the trial id of another file.
Users keep files of their own among probes and plans, too: of those with such a name, ours are the
ones that bear the name of a trial, or say what only our writers write.
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

CONFLICT = re.compile(r"\.sync-conflict-|[._]conflict", re.IGNORECASE)
# Of version control, of systems and of programs that sync; and what our own writers are at.
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
    """Return whether a writer here may have given a trial, a probe or a plan this name."""
    return bool(SAFE_ID.fullmatch(name)) and not CONFLICT.search(name)


def trial_names(folder: Path) -> list[str]:
    """Return the names of the trials in ``folder``, sorted, but for copies of others of them."""
    names = [name for name in _names(folder) if is_own_name(name)]
    copied = copies(names, lambda name: _trial_id(folder / name / "record.json"))
    return sorted(set(names) - copied)


def json_files(folder: Path) -> list[Path]:
    """Return the JSON files of ``folder`` that bear names of ours, sorted, without copies."""
    files = {Path(name).stem: folder / name for name in _names(folder) if name.endswith(".json")}
    own = {stem: path for stem, path in files.items() if is_own_name(stem)}
    copied = copies(own, lambda stem: _trial_id(own[stem]))
    return [own[stem] for stem in sorted(own.keys() - copied)]


def probe_files(results: ResultsPaths) -> list[Path]:
    """Return the probes, whole or damaged: files that are named after a trial, or say so."""
    trials = set(_names(results.trials))
    return [
        path
        for path in json_files(results.probes)
        if path.stem in trials or TRIAL_ID.fullmatch(path.stem) or _may_say(path, OF_A_PROBE)
    ]


def plan_files(results: ResultsPaths) -> list[Path]:
    """Return the noted plans, whole or damaged: files that begin like one, or list trials."""
    return [path for path in json_files(results.root / "plans") if _may_say(path, OF_A_PLAN)]


def copies(names: Collection[str], trial_id_of: Callable[[str], str | None]) -> set[str]:
    """Return those of ``names`` that go on after another one and hold the trial of that one."""
    there, found = set(names), set()
    for name in names:
        begins = (name[:at] for at, letter in enumerate(name) if not letter.isalnum())
        if (longest := max((b for b in begins if b in there), key=len, default=None)) is None:
            continue
        if trial_id_of(name) == longest:
            found.add(name)
    return found


def foreign_files(results: ResultsPaths) -> list[str]:
    """Return what lies among the results and is passed over, relative to their folder."""
    return sorted(name for name in _found(results) if not SILENT.fullmatch(name.split("/")[-1]))


def _found(results: ResultsPaths) -> Iterator[str]:
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
        return []  # who reads what is in it says why it cannot


def _may_say(path: Path, words: re.Pattern[bytes]) -> bool:
    """Return whether a file holds the words, or cannot be read: then its reader says why."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return False
        return found.st_size > MOST_BYTES or bool(words.search(path.read_bytes()))
    except FileNotFoundError:  # a link to nothing, or a file that was renamed just now
        return False
    except OSError:
        return True


def _trial_id(path: Path) -> str | None:
    """Return the trial id in a file that nobody looked over yet; None for a link or no file."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
        return None
    try:
        return str(_FIELDS.validate_json(path.read_bytes()).get("trial_id"))
    except (OSError, ValueError):
        return None
