"""Checkpoints that survive a kill at any instant: written whole, hashed, the last two kept."""

import hashlib
import io
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ttq_bench.files import digest_path, write_atomically
from ttq_bench.training.checkpoint_names import name_of, newest_first

KEEP = 2
MOST_BYTES = 4 << 30  # five times what AlexNet's state under Adam takes
# What of a pickle names something that is called; the names that our own files need.
CALLING = ("GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")
CALLABLE = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_tensor_v2"
    r"|torch (Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool)Storage"
)


def save_state(path: Path, state: dict[str, Any], fence: Callable[[], object] = bool) -> str:
    """Write ``state`` to ``path`` and its sha256 beside it; return the digest.

    ``fence`` is called last before anything is written, and raises if nothing may be.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    fence()
    digest = hashlib.sha256(content).hexdigest()
    write_atomically(path, content)
    write_atomically(digest_path(path), digest.encode())
    return digest


def load_state(path: Path) -> dict[str, Any] | None:
    """Return a saved state on the host, or None where it is missing, half written or damaged.

    A flipped bit inside a tensor would load silently; the digest does not let it. An ``OSError`` of
    reading goes through: a disk that fails for a moment is no damage, and epochs would be lost.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        content, digest = path.read_bytes(), digest_path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if hashlib.sha256(content).hexdigest().encode() != digest.strip():
        return None
    try:
        if not _is_harmless(content):
            return None
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return state if isinstance(state, dict) and _is_plain(state) else None
    except MemoryError:
        raise
    except Exception:  # whatever reading a strange file raises
        return None


def _is_harmless(content: bytes) -> bool:
    """Return whether a file calls nothing but what makes a tensor of bytes that lie in it.

    torch's loader also calls ``bytearray``, with a number of any size. The file has to begin as an
    archive, with each name once: else torch would read another pickle than the one checked here.
    """
    if not content.startswith(b"PK\3\4"):
        return False
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        members = parts.infolist()
        names = [member.filename for member in members]
        if len(set(names)) != len(names) or any(m.compress_type for m in members):
            return False  # torch packs nothing: no bombs
        pickles = [parts.read(name) for name in names if name.endswith(".pkl")]
    called = {
        arg if operation.name == "GLOBAL" else operation.name
        for content in pickles
        for operation, arg, _ in pickletools.genops(content)
        if operation.name in CALLING
    }
    return all(CALLABLE.fullmatch(str(name)) for name in called)


def _is_plain(state: object) -> bool:
    """Return whether a state holds dense tensors, and plain values that ``save_state`` writes.

    A tensor may say that it is larger than the bytes behind it: who copies it takes that memory.
    """
    waiting, seen = [state], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list | tuple):
            if id(value) in seen:
                continue
            seen.add(id(value))
            waiting += [*value.keys(), *value.values()] if isinstance(value, dict) else value
        elif isinstance(value, Tensor):
            if value.numel() * value.element_size() > value.untyped_storage().nbytes():
                return False
        elif not isinstance(value, str | int | float | bool | None):
            return False
    return True


def save_checkpoint(
    folder: Path,
    epoch: int,
    state: dict[str, Any],
    fence: Callable[[], object] = bool,
    step: int = 0,
) -> int:
    """Save the state ``step`` steps after ``epoch`` epochs in the folder of an attempt.

    Keeps the last two there, and returns how many there are.
    """
    save_state(folder / name_of(epoch, step), state, fence)
    paths = _states_in([folder])
    for path in paths[KEEP:]:
        digest_path(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    return min(len(paths), KEEP)


def whole_states(folders: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Yield the states in all ``folders`` that are whole, later ones first."""
    for path in _states_in(folders):
        state = load_state(path)
        if state is not None:
            yield state


def _states_in(folders: Iterable[Path]) -> list[Path]:
    return newest_first(path for folder in folders if folder.is_dir() for path in folder.iterdir())
