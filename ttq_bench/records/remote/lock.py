"""One driver at a time below a URL: numbered claims, and signs of life of the newest one.

A claim is made with ``Objects.create``, so one driver has it. Its driver writes beats, a number
that grows. The claim counts until the driver lets go of it, or until another driver has watched the
beats for a while and they did not change. Only the watching driver's own clock matters. A driver
that was asleep meanwhile finds the newer claim and ends.

Claims of attempts (``attempts/lease.py``) take over at once, and the older attempt ends. Here the
newer driver has to wait for the older one, and exactly the number after the one it waited for is
claimed: of two drivers that watched the same claim one gets it, and the other watches that one.
"""

import contextlib
import itertools
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from ttq_bench.errors import BusyError, TtqBenchError
from ttq_bench.records.attempts.holder import has_ended_here, this_process, without_system
from ttq_bench.records.remote.objects import Objects
from ttq_bench.records.remote.store import Folder, Mirror
from ttq_bench.repeated import Repeated
from ttq_bench.text import one_line

CLAIM = re.compile(r"drivers/(\d{6})\.claim")
OWN = re.compile(r"drivers/(\d{6})\.(claim|beat)")
BEAT_SECONDS, WATCH_SECONDS, LOOK_SECONDS = 5.0, 30.0, 1.0
OVER = b"over"


@contextmanager
def held_at_url(
    folder: Folder, lost: Callable[[], None], tell: Callable[[str], None], *, follow: bool
) -> Iterator[None]:
    """Hold the claim of the only driver at the folder's URL; without a URL, do nothing.

    ``lost`` is called once another driver has taken over. ``follow``: bring what workers on other
    machines have put there.
    """
    if not isinstance(folder, Mirror):
        yield
        return
    folder.objects.check()
    number = _claimed(folder.objects, tell)
    beat = partial(_beat, folder, number, itertools.count(1), lost, follow)
    try:
        with Repeated(BEAT_SECONDS, beat):
            yield
    finally:
        with contextlib.suppress(OSError, TtqBenchError):  # then the next driver has to watch
            folder.objects.write(_beats(number), OVER)


def _claimed(objects: Objects, tell: Callable[[str], None]) -> int:
    """Return the number of this driver's claim; ``BusyError`` if another driver is at work."""
    # The last word makes each claim unique: a process may claim more than once.
    text = f"{this_process()} {secrets.token_hex(8)}".encode()
    while True:
        newest = _newest(objects)
        if newest:
            _wait_for_end(objects, newest, tell)
        number = newest + 1
        if objects.create(_claim(number), text):
            objects.write(_beats(number), b"0")
            own = filter(None, map(OWN.fullmatch, objects.names("drivers")))
            objects.delete(name[0] for name in own if int(name[1]) < number)
            return number


def _wait_for_end(objects: Objects, number: int, tell: Callable[[str], None]) -> None:
    """Return once the driver of a claim is known to have ended; ``BusyError`` while it beats."""
    named = (objects.read(_claim(number)) or b"").decode(errors="replace").rpartition(" ")[0]
    holder = one_line(without_system(named), 100) or "another run"
    first = objects.read(_beats(number))
    if first == OVER or has_ended_here(named):
        return
    tell(f"{objects.url}: looking for {WATCH_SECONDS:.0f} s whether {holder} is still at work")
    until = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        beat = objects.read(_beats(number))
        if beat == OVER:
            return
        if beat != first:
            raise BusyError(
                f"{objects.url}: {holder} is at work there;"
                " wait for it, stop it, or name another place with --results"
            )


def _beat(
    folder: Mirror, number: int, beats: Iterator[int], lost: Callable[[], None], follow: bool
) -> bool:
    """Write the next beat, and return whether another driver has taken over."""
    with contextlib.suppress(OSError, TtqBenchError):  # the next beat may come through
        if _newest(folder.objects) > number:
            lost()
            return True
        folder.objects.write(_beats(number), str(next(beats)).encode())
        if follow:
            folder.bring()
    return False


def _newest(objects: Objects) -> int:
    claims = filter(None, map(CLAIM.fullmatch, objects.names("drivers")))
    return max((int(claim[1]) for claim in claims), default=0)


def _claim(number: int) -> str:
    return f"drivers/{number:06d}.claim"


def _beats(number: int) -> str:
    return f"drivers/{number:06d}.beat"
