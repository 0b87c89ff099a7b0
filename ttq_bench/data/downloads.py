"""Fetching a published file: several mirrors, one pinned hash, resumed where it broke off."""

import http.client
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from ttq_bench.data.published import PublishedFile
from ttq_bench.errors import DataError
from ttq_bench.files import CHUNK_BYTES, file_digest
from ttq_bench.text import without_credentials

TIMEOUT_SECONDS = 30
Progress = Callable[[int, int], None]


def fetch_file(file: PublishedFile, folder: Path, progress: Progress) -> Path:
    """Return the file in ``folder``, downloading and verifying what is missing of it.

    Bytes go to ``NAME.part``, which a later call continues. ``progress`` gets the bytes so far and
    in all. Raises ``DataError`` when no mirror answers or when bytes are not the published ones.
    """
    path = folder / file.file_name
    part = folder / f"{file.file_name}.part"
    if path.exists():
        return path
    problems = []
    for url in file.mirrors:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # What an earlier answer left may be an error page: thrown away, then once from zero.
            for _ in range(1 + part.exists()):
                _download(url, part, file.size_bytes, progress)
                given = file_digest(part, "md5")
                if given == file.md5:
                    part.replace(path)
                    return path
                part.unlink()
                problems.append(f"{url}: md5 {given} instead of {file.md5}, thrown away")
        except (http.client.HTTPException, OSError) as error:  # URLError is an OSError
            problems.append(f"{url}: {without_credentials(str(error))}")  # a proxy may have some
    raise DataError(_failure(file, folder, problems))


def _download(url: str, part: Path, size_bytes: int, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have >= size_bytes:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "ttq-bench"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        have = have if resumed else 0  # a server without ranges sends everything again
        with part.open("ab" if resumed else "wb") as stream:
            while chunk := answer.read(CHUNK_BYTES):
                stream.write(chunk)
                have += len(chunk)
                progress(have, size_bytes)
                if have > size_bytes:
                    raise OSError(f"more than the published {size_bytes:,} bytes arrived")
    if have < size_bytes:
        raise OSError(f"broke off at {have:,} of {size_bytes:,} bytes (kept, to be continued)")


def _failure(file: PublishedFile, folder: Path, problems: Sequence[str]) -> str:
    tried = "\n  ".join(problems)
    return (
        f"{file.file_name} could not be downloaded:\n  {tried}\n"
        f"Fetch it on a machine with a network (md5 {file.md5}), copy it to {folder}/ and run"
        " the same command again; or name a folder that holds it, Parquet files or class folders"
        " with --data-dir."
    )
