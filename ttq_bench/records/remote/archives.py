"""A record as one object, so that object storage can publish it in one step: a tar of its folder.

``trials/ID.tar`` holds what the folder ``trials/ID`` of a local results folder does. Nothing in it
is used before its seal is checked, and its names are plain names of files.
"""

import io
import re
import tarfile
from collections.abc import Mapping

from ttq_bench.errors import ResultsError
from ttq_bench.records.seal import SEAL, digests, seal_bytes

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


def packed(contents: Mapping[str, bytes]) -> bytes:
    """Return files as a tar; the same files give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def unpacked(archive: bytes, where: str) -> dict[str, bytes]:
    """Return the files of a record by name; ``ResultsError`` unless its seal vouches for them.

    ``where`` is what messages call it.
    """
    try:
        contents = _files(archive)
    except (tarfile.TarError, ValueError, OSError) as error:
        raise _damaged(where, f"is no archive of a record ({error})") from error
    seal = contents.pop(SEAL, None)
    if seal != seal_bytes(digests(contents)):
        raise _damaged(where, f"does not agree with the {SEAL} in it")
    return {**contents, SEAL: seal}


def _files(archive: bytes) -> dict[str, bytes]:
    contents = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened:
        for member in opened:
            if not member.isreg() or not PLAIN.fullmatch(member.name) or member.name in contents:
                raise ValueError(f"it holds {member.name!r}")
            stream = opened.extractfile(member)
            assert stream is not None, "a regular file has content"
            contents[member.name] = stream.read()
    return contents


def _damaged(where: str, what: str) -> ResultsError:
    return ResultsError(f"{where}: {what}; delete it to run the trial again")
