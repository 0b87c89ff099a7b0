"""Standard output that may be full, closed or gone: a command goes on, and its exit code says so.

What is printed is escaped: a terminal would obey control characters in paths and in records.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from ttq_bench.text import printable

EXIT_IO = 74  # as in sysexits.h
EXIT_PIPE = 141  # as the shell says it of programs that SIGPIPE ends


class Stream:
    """A text stream that raises nothing: it keeps its first error and drops what comes after."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        """Write the text, unless an error came before."""
        with self._silenced():
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits."""
        with self._silenced():
            self.stream.flush()

    @contextmanager
    def _silenced(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error
            with contextlib.suppress(OSError, ValueError):  # what waits would fail at the end, too
                silent = os.open(os.devnull, os.O_WRONLY)
                os.dup2(silent, self.stream.fileno())
                os.close(silent)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Escaped(Stream):
    """A ``Stream`` that escapes every character that is not shown as itself.

    ``terminal`` escapes nothing: progress bars write to it (``execution/display.py``).
    """

    def __init__(self, stream: Stream) -> None:
        super().__init__(cast(TextIO, stream))
        self.terminal = stream

    def write(self, text: str) -> int:
        """Write the text, escaped."""
        return self.terminal.write(printable(text.expandtabs()))


@contextmanager
def guarded() -> Iterator[Stream]:
    """Guard both streams for as long as a ``with`` block lasts; yield standard output."""
    _fill_closed()
    before = sys.stdout, sys.stderr
    streams = []
    for stream in before:
        with contextlib.suppress(AttributeError, ValueError):  # names of files may be no UTF-8
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        streams.append(Stream(stream))
    sys.stdout, sys.stderr = (cast(TextIO, Escaped(stream)) for stream in streams)
    try:
        yield streams[0]
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before


def _fill_closed() -> None:
    """Open streams that were closed when this process began, lest a file gets their number.

    Writing to them fails, so that the exit code says that output was lost.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                os.fstat(number)
                continue
            opened = os.open(os.devnull, os.O_RDONLY)  # the lowest number that is free
            if number:
                setattr(sys, name, os.fdopen(opened, "w", closefd=False))


def tell_person(sentence: str) -> None:
    """Print a sentence where standard error is a terminal: to a person, not to a script."""
    if sys.stderr.isatty():
        print(sentence, file=sys.stderr)


def code_of(error: OSError) -> int:
    """Return the exit code of a command that did its work, but whose output was lost."""
    return EXIT_PIPE if error.errno == errno.EPIPE else EXIT_IO
