"""A thread that does one thing again and again."""

import threading
from collections.abc import Callable
from typing import Self


class Repeated:
    """Calls ``act`` every ``seconds`` while a ``with`` block lasts, or between its two methods.

    The first call comes after ``seconds``. It ends early once ``act`` returns True, and when
    ``act`` raises. The thread keeps no process alive.
    """

    def __init__(self, seconds: float, act: Callable[[], bool | None]) -> None:
        self._seconds = seconds
        self._act = act
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """Call no more; ``wait`` for a call that is on its way."""
        self._over.set()
        if wait:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            if self._act():
                return
