"""Fetching a published file: several mirrors, one pinned hash, resumed where it broke off."""

import http.client
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ttq_bench.data.published import PublishedFile
from ttq_bench.errors import DataError
from ttq_bench.files import CHUNK_BYTES, file_digest, held_alone
from ttq_bench.text import without_credentials

TIMEOUT_SECONDS = 30
Progress = Callable[[int, int], None]


class _MirrorError(Exception):
    """Why a mirror did not bring the file; another one may."""


def fetch_file(
    file: PublishedFile,
    folder: Path,
    progress: Progress,
    on_wait: Callable[[], None] = lambda: None,
) -> Path:
    """Return the file in ``folder``, downloading and verifying what is missing of it.

    Bytes go to ``NAME.part``, which a later call continues. ``progress`` gets the bytes so far and
    in all. While another process fetches the file, this one waits, and calls ``on_wait`` before.
    Raises ``DataError`` when no mirror answers, when bytes are not the published ones, or when they
    cannot be kept in ``folder``.
    """
    path = folder / file.file_name
    if path.exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with held_alone(folder / f".{file.file_name}.lock", on_wait):
            if not path.exists():
                _fetch(file, path, progress)
    except OSError as error:  # of this machine: those of a mirror are a ``_MirrorError``
        is_file = isinstance(error, FileExistsError | NotADirectoryError)
        raise DataError(
            f"{folder}: {file.file_name} cannot be kept there"
            f" ({'it is no folder' if is_file else error.strerror or error}); name with --data-dir"
            f" a folder that can be written, on a disk with room for {file.size_bytes:,} bytes"
        ) from error
    return path


def _fetch(file: PublishedFile, path: Path, progress: Progress) -> None:
    part = path.with_name(f"{path.name}.part")
    problems = []
    for url in file.mirrors:
        try:
            # What an earlier answer left may be an error page: thrown away, then once from zero.
            for _ in range(1 + part.exists()):
                _download(url, part, file.size_bytes, progress)
                given = file_digest(part, "md5")
                if given == file.md5:
                    part.replace(path)
                    return
                part.unlink()
                problems.append(f"{url}: md5 {given} instead of {file.md5}, thrown away")
        except _MirrorError as error:
            problems.append(f"{url}: {without_credentials(str(error))}")  # a proxy may have some
    raise DataError(_failure(file, path.parent, problems))


def _download(url: str, part: Path, size_bytes: int, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have >= size_bytes:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "ttq-bench"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with _from_mirror():
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    with answer:
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        have = have if resumed else 0  # a server without ranges sends everything again
        with part.open("ab" if resumed else "wb") as stream:
            while chunk := _chunk(answer):
                stream.write(chunk)
                have += len(chunk)
                progress(have, size_bytes)
                if have > size_bytes:
                    raise _MirrorError(f"more than the published {size_bytes:,} bytes arrived")
    if have < size_bytes:
        raise _MirrorError(f"broke off at {have:,} of {size_bytes:,} bytes (kept, to be continued)")


def _chunk(answer: http.client.HTTPResponse) -> bytes:
    with _from_mirror():
        return answer.read(CHUNK_BYTES)


@contextmanager
def _from_mirror() -> Iterator[None]:
    try:
        yield
    except (http.client.HTTPException, OSError) as error:  # URLError is an OSError
        raise _MirrorError(str(error)) from error


def _failure(file: PublishedFile, folder: Path, problems: Sequence[str]) -> str:
    tried = "\n  ".join(problems)
    return (
        f"{file.file_name} could not be downloaded:\n  {tried}\n"
        f"Fetch it on a machine with a network (md5 {file.md5}), copy it to {folder}/ and run"
        " the same command again; or name a folder that holds it, Parquet files or class folders"
        " with --data-dir."
    )
