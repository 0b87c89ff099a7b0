"""Which files of a results folder are ours: only these are replaced or removed.

A report lists its files in ``report.sha256``, as ``sha256sum -c`` reads it. A file may be replaced
if the list names it, or if its content shows that a version of this package wrote it: versions
before the list left none, and a report that is killed leaves files that are not in it yet. A file
is removed only if the list names it and it did not change since. Everything else in the folder
belongs to its user.
"""

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from ttq_bench.errors import ResultsError
from ttq_bench.files import file_digest, unreadable, write_atomically
from ttq_bench.records.remote.names import REPORT
from ttq_bench.records.seal import seal_bytes, sha256
from ttq_bench.text import one_line

LIST = "report.sha256"
TABLES = ("claims", "accuracy", "comparison", "scales", "asymmetry", "epochs")
PAGES = ("summary.md", "report.html")
FIXED = (*PAGES, *(f"tables/{name}.csv" for name in TABLES))
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
HEAD_BYTES = 4096
# How files of versions before the list begin; newer versions need none of it.
TITLE = b"Trained Ternary Quantization: what the records say"
BEGINNINGS: Mapping[str, re.Pattern[bytes]] = {
    "summary.md": re.compile(rb"# " + TITLE),
    "report.html": re.compile(rb"<!DOCTYPE html>.*<title>" + TITLE + rb"</title>", re.DOTALL),
    "tables/claims.csv": re.compile(rb"claim,statement,source,"),
    "tables/accuracy.csv": re.compile(rb"trial_id,parent,dataset,"),
    "tables/comparison.csv": re.compile(rb"dataset,protocol,model,"),
    "tables/scales.csv": re.compile(rb"trial_id,epoch,layer_index,"),
    "tables/asymmetry.csv": re.compile(rb"dataset,protocol,model,"),
    "tables/epochs.csv": re.compile(rb"trial_id,epoch,learning_rate,"),
}
# 130 dots an inch, which stand in a PNG as dots a metre; Matplotlib's own default is 100.
PNG_HEAD = re.compile(rb"\x89PNG.*pHYs\0\0\x13\xfe\0\0\x13\xfe\x01", re.DOTALL)
SVG_HEAD = re.compile(rb"<\?xml.*<svg .*Matplotlib v", re.DOTALL)
HEADS = {".png": PNG_HEAD, ".svg": SVG_HEAD}
# What only commands of this package leave in a folder, by pattern, and what such a file holds.
SIGNS = (
    (LIST, b""), ("trials/*/record.json", b""), ("failures/*/failure.json", b""),
    ("work/driver.lock", b""), ("work/*/attempts", b""), ("plans/*.json", b'"trial_ids"'),
    ("probes/*.json", b'"probe_version"'), ("speed.csv", b"run,commit,machine,"),
)  # fmt: skip


def check_results_folder(root: Path) -> None:
    """Raise ``ResultsError`` for a folder that holds something and is no results folder.

    Hidden files, and folders that are empty or results folders themselves, are no such something:
    ``make demo`` leaves ``results/demo/``.
    """
    others = [path for path in _visible(root) if not _is_nothing(path)]
    if others and not _is_results_folder(root):
        raise ResultsError(
            f"{root}: holds {one_line(min(path.name for path in others), 80)!r} and no results of"
            " ttq-bench; name a results folder, or an empty one, with --results"
        )


def _is_nothing(path: Path) -> bool:
    if not path.is_dir() or path.is_symlink():
        return False
    return not any(path.iterdir()) or _is_results_folder(path)


def _is_results_folder(root: Path) -> bool:
    signs = (any(word in _head(path) for path in root.glob(sign)) if word
             else any(root.glob(sign)) for sign, word in SIGNS)  # fmt: skip
    return any(signs) or any(_shows_our_hand(root, name) for name in FIXED)


def _visible(root: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (path for path in root.iterdir() if not path.name.startswith("."))


def check_replaceable(root: Path, names: Iterable[str] = FIXED) -> None:
    """Raise ``ResultsError`` for the first of ``names`` below ``root`` that is somebody else's.

    Whose a file is cannot be said of one that cannot be read, so that is refused, too.
    """
    own = listed(root)
    for name in names:
        _check_readable(root / name)
        # A table without rows is a file without words, of which nothing can be lost.
        there = name not in own and _head(root / name).strip()
        if there and not _shows_our_hand(root, name):
            raise ResultsError(
                f"{root / name}: lies where the report is to go and was not written by ttq-bench;"
                " give it another name, or name another folder with --results"
            )


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise unreadable(path, error) from error


def _shows_our_hand(root: Path, name: str) -> bool:
    head = BEGINNINGS.get(name) or HEADS.get(Path(name).suffix)
    return bool(head and head.match(_head(root / name)))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError:
        return b""


def listed(root: Path) -> dict[str, str]:
    """Return the files that the last report wrote, with their sha256; none without a list."""
    try:
        return in_list((root / LIST).read_bytes())
    except OSError:
        return {}


def in_list(content: bytes) -> dict[str, str]:
    """Return the names in a list with their sha256, but for names that no report has."""
    lines = map(LINE.fullmatch, content.decode(errors="replace").splitlines())
    return {found[2]: found[1] for found in lines if found and REPORT.fullmatch(found[2])}


def write_list(root: Path, files: Mapping[str, str]) -> None:
    """List the files of the report, given with their sha256."""
    write_atomically(root / LIST, seal_bytes(files))


def digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return the sha256 of each content."""
    return {name: sha256(content) for name, content in contents.items()}


def remove_stale(root: Path, before: Mapping[str, str], now: Collection[str]) -> None:
    """Delete the files listed ``before`` that are not in the report ``now``, if unchanged."""
    for name in before.keys() - set(now):
        path = root / name
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if file_digest(path) == before[name]:
                path.unlink()
