import multiprocessing
import os

import pytest

from ttq_bench.speed.processes import memory_of, peak_resident_bytes

BLOCK = 64 << 20


def hold(connection, size):
    connection.send(None)
    connection.recv()
    block = b"x" * size
    connection.send(len(block))
    connection.recv()


@pytest.fixture
def child():
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=hold, args=(theirs, BLOCK), daemon=True)
    process.start()
    mine.recv()
    yield process, mine
    process.kill()
    process.join()


def test_what_a_process_takes_for_itself_is_its_own(child):
    process, connection = child
    before = memory_of(process.pid)
    connection.send("take")
    assert connection.recv() == BLOCK
    after = memory_of(process.pid)

    assert BLOCK <= after.own - before.own < 1.1 * BLOCK
    assert after.own <= after.proportional <= after.resident
    assert peak_resident_bytes(process.pid) >= after.resident - (4 << 20)


def test_a_process_that_is_gone_had_nothing():
    process = multiprocessing.get_context("spawn").Process(target=os.getpid)
    process.start()
    process.join()
    assert peak_resident_bytes(process.pid) == 0
