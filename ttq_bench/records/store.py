"""Publishing and reading records: a trial's folder appears whole, once."""

import contextlib
import errno
import io
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

from ttq_bench.errors import ResultsError
from ttq_bench.files import TEMPORARY, remove_temporaries, sync_folder, write_atomically
from ttq_bench.records.foreign_files import is_own_name, trial_names
from ttq_bench.records.paths import SAFE_ID, ResultsPaths, TrialPaths
from ttq_bench.records.remote.names import WRITTEN
from ttq_bench.records.schema import SCHEMA_VERSION, TABLES, TrialRecord, columns_of, first_problem
from ttq_bench.records.seal import (
    SEAL,
    check_seal,
    digests,
    read_seal,
    read_sealed,
    seal_bytes,
    sha256,
)

DOOMED = ".doomed-"
HIDDEN = re.compile(rf"\.{SAFE_ID.pattern}\.[a-z0-9_]{{8}}|{re.escape(DOOMED)}[0-9a-f]{{16}}")
Rows = Sequence[dict[str, Any]]
_FIELDS = pydantic.TypeAdapter(dict[str, Any])


def record_files_of(record: TrialRecord, tables: Mapping[str, Rows]) -> dict[str, bytes]:
    """Return the files of a record by name: its tables, ``record.json``, and the seal of them all.

    ``tables`` are rows by the names in ``TABLES``; one without rows is left out, but for the
    epochs.
    """
    contents = {
        name: table_bytes(rows, columns_of(name, rows))
        for name, rows in tables.items()
        if rows or name == "epochs.parquet"
    }
    record = record.model_copy(update={"table_sha256": digests(contents)})
    contents["record.json"] = record_bytes(record)
    return {**contents, SEAL: seal_bytes(digests(contents))}


def place_record(paths: TrialPaths, contents: Mapping[str, bytes]) -> bool:
    """Make the files of a record visible in one step; return False if there is a record already.

    All files are written to a hidden folder first. Renaming a folder onto one that holds files is
    refused by the system, so of several writers exactly one publishes.
    """
    paths.results.trials.mkdir(parents=True, exist_ok=True)
    hidden = Path(tempfile.mkdtemp(prefix=f".{paths.trial_id}.", dir=paths.results.trials))
    try:
        for name, content in contents.items():
            write_atomically(hidden / name, content)
        if {path.name for path in hidden.iterdir()} != set(contents):
            # ``remove_leftovers`` deleted it, and writing the next file made it anew.
            raise FileNotFoundError(errno.ENOENT, "was deleted while it was written", str(hidden))
        hidden.chmod(0o755)
        if not _renamed(hidden, paths):
            return False
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    sync_folder(paths.results.trials)
    paths.failure.unlink(missing_ok=True)
    return True


def _renamed(hidden: Path, paths: TrialPaths) -> bool:
    """Rename ``hidden`` to the trial's folder; return False where a record is there already."""
    try:
        hidden.rename(paths.folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not paths.record.exists():
            raise ResultsError(
                f"{paths.folder}: is in the way and holds no record.json; move it elsewhere and run"
                " again"
            ) from error
        paths.failure.unlink(missing_ok=True)  # an earlier attempt's; this one went well
        return False
    return True


def remove_leftovers(results: ResultsPaths) -> None:
    """Delete what killed writers left; call it when no trial runs.

    A writer that is cut off from its driver may be at work all the same. It cannot publish a folder
    that is half deleted, because the folder is renamed first, in one step. What no writer of this
    package leaves stays: ``.git``, ``.stfolder``, ``.gitkeep``, half-copied files of a program that
    syncs.
    """
    for hidden in results.trials.glob(".*"):
        with contextlib.suppress(OSError):
            if _is_leftover(hidden):
                doomed = hidden.with_name(f"{DOOMED}{secrets.token_hex(8)}")
                hidden.rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)
    for places in ("work/**", "plans", "failures/*", "probes", "networks"):
        remove_temporaries(results.root, WRITTEN, places)


def _is_leftover(folder: Path) -> bool:
    """Return whether ``place_record`` made the hidden folder: by its name and all that is in it."""
    if not HIDDEN.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    for path in folder.iterdir():
        temporary = TEMPORARY.fullmatch(path.name)
        name = temporary[1] if temporary else path.name
        if name not in (*TABLES, "record.json", SEAL) or not path.is_file():
            return False
    return True


def record_bytes(record: TrialRecord) -> bytes:
    """Return the record as indented JSON with sorted keys, so that versions of it compare well."""
    return (json.dumps(record.model_dump(mode="json"), indent=2, sort_keys=True) + "\n").encode()


def table_bytes(rows: Rows, columns: Sequence[str]) -> bytes:
    """Return rows as a Parquet file; the same rows give the same bytes."""
    import pyarrow  # 0.2 s that a plan over records does not need
    import pyarrow.parquet

    table = pyarrow.table({name: [row[name] for row in rows] for name in columns})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def read_record(path: Path) -> TrialRecord:
    """Return the record in ``path``; ``ResultsError`` if it is none, or not as it was sealed.

    Its tables are checked when they are read.
    """
    seal = read_seal(path)
    content = read_sealed(path, seal)
    try:
        record = TrialRecord.model_validate_json(content)
    except pydantic.ValidationError as error:
        raise ResultsError(
            f"{path}: not a record ({first_problem(error)}); delete its folder to run the trial"
            " again"
        ) from error
    if record.schema_version > SCHEMA_VERSION:
        raise ResultsError(
            f"{path}: written by a newer version (schema {record.schema_version}, known up to"
            f" {SCHEMA_VERSION}); update ttq_bench"
        )
    if record.trial_id != path.parent.name:
        raise ResultsError(f"{path}: is the record of {record.trial_id}, not of its folder's name")
    check_seal(path.parent, seal, {**record.table_sha256, path.name: sha256(content)})
    return record


def read_records(results: ResultsPaths) -> Iterator[TrialRecord]:
    """Yield every record of a results folder, ordered by trial id."""
    yield from map(read_record, record_files(results))


def record_files(results: ResultsPaths) -> list[Path]:
    """Return every ``record.json``, ordered by trial id, but for what is no record of ours."""
    folder = str(results.trials)
    paths = (f"{folder}/{name}/record.json" for name in trial_names(results.trials))
    return [Path(path) for path in paths if os.path.exists(path)]  # noqa: PTH110 - ten times faster


def read_table(paths: TrialPaths, name: str) -> bytes:
    """Return the bytes of a record's Parquet file; ``ResultsError`` if they are not as sealed."""
    path = paths.folder / name
    return read_sealed(path, read_seal(path))


def write_failure(paths: TrialPaths, reason: str, trace: str, spec: dict[str, Any]) -> None:
    """Leave ``failure.json``: what went wrong, with the traceback; the next run tries again."""
    failure = {"trial_id": paths.trial_id, "reason": reason, "traceback": trace, "spec": spec}
    write_atomically(paths.failure, json.dumps(failure, indent=2).encode())


def read_failures(results: ResultsPaths) -> list[dict[str, str]]:
    """Return id and reason of each trial whose last attempt failed, ordered by trial id."""
    failures = []
    for path in sorted((results.root / "failures").glob("*/failure.json")):
        name = path.parent.name
        if not is_own_name(name):
            continue
        if (results.trials / name / "record.json").exists():
            continue  # finished since, elsewhere, and its folder was copied in
        try:
            reason = str(_FIELDS.validate_json(path.read_bytes())["reason"])
        except OSError as error:
            reason = f"failure.json cannot be read ({error.strerror})"
        except (ValueError, KeyError):
            reason = "failure.json is not readable"
        failures.append({"trial_id": name, "reason": reason})
    return failures
