import threading

import pytest

from ttq_bench.repeated import Repeated

AT_MOST = 30.0


def test_it_is_called_again_and_again_until_the_block_ends():
    calls = threading.Semaphore(0)
    with Repeated(0.001, calls.release):
        assert all(calls.acquire(timeout=AT_MOST) for _ in range(3))
    while calls.acquire(blocking=False):
        pass
    assert not calls.acquire(timeout=0.05)


def test_it_ends_by_itself_once_its_work_is_done():
    answers = iter([False, True])
    repeated = Repeated(0.001, lambda: next(answers))
    repeated.start()
    repeated._thread.join(AT_MOST)
    assert not repeated._thread.is_alive()
    assert next(answers, "used up") == "used up"
    repeated.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_it_ends_when_its_work_raises():
    begun = threading.Semaphore(0)

    def act():
        begun.release()
        raise ValueError("told on standard error")

    with Repeated(0.001, act) as repeated:
        repeated._thread.join(AT_MOST)
        assert not repeated._thread.is_alive()
    assert begun.acquire(blocking=False)
    assert not begun.acquire(blocking=False)


@pytest.mark.parametrize("wait", [True, False])
def test_a_call_that_hangs_is_waited_for_on_request_alone(wait):
    begun, free = threading.Event(), threading.Event()

    def act():
        begun.set()
        free.wait(AT_MOST)

    repeated = Repeated(0.001, act)
    repeated.start()
    assert begun.wait(AT_MOST)
    if wait:
        threading.Timer(0.05, free.set).start()
    repeated.stop(wait=wait)
    assert free.is_set() is wait
    free.set()
