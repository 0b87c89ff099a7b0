"""Functions in several processes at once, which find each other as the ranks of a trial do."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import distributed

from tests.faults.broken_files import FORKS


def together(folder: Path, function: Callable[..., Any], *given: Any, count: int = 2) -> list[Any]:
    """Return what ``function(rank, count, *given)`` returns, or its exception, by rank."""
    answers = [FORKS.Pipe(duplex=False) for _ in range(count)]
    processes = [
        FORKS.Process(target=_call, args=(folder, (rank, count), function, given, sender))
        for rank, (_, sender) in enumerate(answers)
    ]
    for process in processes:
        process.start()
    for _, sender in answers:
        sender.close()  # so that a process that died is met as the end of its pipe
    try:
        return [_answer(receiver) for receiver, _ in answers]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _answer(receiver):
    return pickle.loads(receiver.recv_bytes()) if receiver.poll(120) else TimeoutError()


def _call(folder, place, function, given, sender):
    rank, count = place
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=count
    )
    try:
        answer = function(*place, *given)
    except Exception as error:
        answer = error
    sender.send_bytes(pickle.dumps(answer))  # whole: tensors would be sent as shared memory
    distributed.destroy_process_group()
