"""A room for hostile files: commands run in it, and nothing may change but results and cache."""

import hashlib
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ttq_bench.cli import main

# Memory in bytes (argument 1) and 120 s of processor time; then the command line itself.
BOUNDED = """
import resource, sys
most = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (most, most))
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
from ttq_bench.cli import main
sys.exit(main(sys.argv[1:]))
"""
# Memory in bytes, a name of ``READERS`` or ``parquet``, then paths; a line for each of them.
READ = """
import resource, sys
from pathlib import Path
from ttq_bench.data.formats.archives import READERS
from ttq_bench.data.formats.encoded import encoded_images
from ttq_bench.data.sources import find_source
from ttq_bench.errors import DataError
most, reader = int(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_AS, (most, most))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in map(Path, sys.argv[3:]):
    try:
        if reader == "parquet":
            for image in encoded_images(find_source("cifar10", path), "train"):
                pass
        else:
            READERS[reader]((path,), "test")
        print("read")
    except DataError as error:
        print(f"refused: {error}")
"""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SUMMARY_TAG = re.compile(r"(?<!\\)<(script|img|a )", re.IGNORECASE)


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    err: str

    @property
    def text(self):
        return self.out + self.err


@dataclass(frozen=True)
class Room:
    """``outside`` stands for the rest of the machine; hostile code would make ``marker``."""

    root: Path

    @property
    def outside(self):
        return self.root / "outside"

    @property
    def data(self):
        return self.root / "data"

    @property
    def results(self):
        return self.root / "results"

    @property
    def cache(self):
        return self.root / "cache"

    @property
    def marker(self):
        return self.root / "harmed"

    def guarded(self):
        """What must stay as it is: path, kind and content of all but results and cache."""
        kept = (p for p in self.root.rglob("*") if not self._may_change(p))
        return {str(p): _content(p) for p in kept}

    def _may_change(self, path):
        return any(path == own or own in path.parents for own in (self.results, self.cache))


def _content(path):
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return "folder or other"


def furnished(root):
    """A room with a file outside that hostile ones would like to read, and one to overwrite."""
    room = Room(root)
    for folder in (room.outside / "pictures", room.data, room.cache):
        folder.mkdir(parents=True)
    (room.outside / "secret.txt").write_text("do-not-tell")
    (room.outside / "pictures" / "holiday.png").write_bytes(b"a picture")
    return room


def told(room, capsys, *words):
    """Run a command in this process; nothing guarded changed, nothing ran, nothing was obeyed."""
    before = room.guarded()
    try:
        code = main([str(word) for word in words])
    except SystemExit as ended:  # by the parser
        code = ended.code
    streams = capsys.readouterr()
    return _checked(room, before, Told(code, streams.out, streams.err))


def told_bounded(room, most_bytes, *words):
    """The same in a process of its own with little memory."""
    before = room.guarded()
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(most_bytes), *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return _checked(room, before, Told(done.returncode, done.stdout, done.stderr))


def read_bounded(room, most_bytes, reader, paths):
    """Return what a process with little memory says of each file; nothing guarded changed."""
    before = room.guarded()
    done = subprocess.run(
        [sys.executable, "-c", READ, str(most_bytes), reader, *map(str, paths)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths), done.stdout
    _checked(room, before, Told(0, done.stdout, done.stderr))
    return lines


def _checked(room, before, told):
    assert room.guarded() == before
    assert not room.marker.exists()
    assert "Traceback" not in told.text
    assert "do-not-tell" not in told.text
    assert not CONTROL.search(told.text)
    return told


def refused(told, code, said):
    """One message on stderr, in words, under the exit code of its kind."""
    assert (told.code, told.err.count("ttq-bench: ")) == (code, 1), told.text
    assert re.search(said, told.err), told.err
    assert len(told.err) < 6_000
