"""What the children of ``broken_files.py`` do, and what they leave."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

NO_MOUNTS = 98  # exit code of a child that may not mount


def train(spec: str, results: Path, cache: Path) -> int:
    """Run one trial in this process."""
    from tests.tiny_suite import settings_for
    from ttq_bench.spec.trial import TrialSpec
    from ttq_bench.trial.run import run_trial

    outcome = run_trial(
        TrialSpec.model_validate_json(spec), settings_for(results, cache), lambda: False
    )
    return 0 if outcome == "finished" else 1


def command(words: list[str], cache: Path) -> int:
    """Run ``ttq-bench`` in this process."""
    from ttq_bench.cli import main
    from ttq_bench.execution import scheduler

    os.environ["TTQ_BENCH_CACHE"] = str(cache)
    scheduler.PAUSE_SECONDS = 0.01  # what is waited for here does not come
    return main(words)


def command_on_full_disk(words: list[str], cache: Path, results: Path, free: int) -> int:
    """Run a command on a file system with ``free`` bytes left, then with room enough.

    The files of the second one are copied to ``results`` with ``-kept`` behind its name.
    """
    _alone_with_mounts()
    _system("mount", "-t", "tmpfs", "-o", "size=24m", "none", results)
    ballast = results / "ballast"
    ballast.write_bytes(bytes(os.statvfs(results).f_bavail * os.statvfs(results).f_frsize - free))
    code = command(words, cache)
    ballast.unlink()
    return _again(code, words, cache, results)


def command_on_read_only_disk(words: list[str], cache: Path, results: Path) -> int:
    """Run a command on a folder mounted read-only, then on the same one writable."""
    _alone_with_mounts()
    _system("mount", "--bind", results, results)
    _system("mount", "-o", "remount,ro,bind", results)
    code = command(words, cache)
    _system("mount", "-o", "remount,rw,bind", results)
    return _again(code, words, cache, results)


def _again(code: int, words: list[str], cache: Path, results: Path) -> int:
    sys.stderr.write(f"first: {code}\n")
    code = command(words, cache)
    shutil.copytree(results, f"{results}-kept")
    return code


def _alone_with_mounts() -> None:
    """Give this process mounts of its own; exit code NO_MOUNTS where that is not allowed."""
    new_mounts = 0x00020000  # CLONE_NEWNS
    if ctypes.CDLL(None, use_errno=True).unshare(new_mounts):
        os._exit(NO_MOUNTS)
    try:
        _system("mount", "--make-rprivate", "/")
    except (OSError, subprocess.CalledProcessError):
        os._exit(NO_MOUNTS)


def _system(*words: object) -> None:
    subprocess.run(list(map(str, words)), check=True, capture_output=True)


def note_plan(results: Path, title: str) -> int:
    """Note a plan."""
    from ttq_bench.records.paths import ResultsPaths
    from ttq_bench.records.plans import PlannedSuite, write_planned

    write_planned(ResultsPaths(results), PlannedSuite("tiny", "quick", title, ("a", "b")))
    return 0


def note_failure(results: Path, reason: str) -> int:
    """Leave a ``failure.json``."""
    from ttq_bench.records.paths import ResultsPaths
    from ttq_bench.records.store import write_failure

    write_failure(ResultsPaths(results).trial("a"), reason, "Traceback", {"seed": 0})
    return 0


def note_probe(results: Path, seconds: str) -> int:
    """Publish a probe."""
    from tests.record_builders import make_probe
    from ttq_bench.records.paths import ResultsPaths
    from ttq_bench.records.probes import publish_probe

    publish_probe(ResultsPaths(results), make_probe("a", seconds=float(len(seconds))))
    return 0


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file that is no temporary one, by its path below ``folder``."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts):
            with contextlib.suppress(IsADirectoryError):
                found[name.as_posix()] = path.read_bytes()
    return found


def temporaries_below(folder: Path) -> list[str]:
    """Return every hidden file and folder below ``folder``."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*"))
