"""What many pages ask of the same tables is computed once."""

import functools
from collections.abc import Callable, Hashable
from typing import Any, Concatenate, ParamSpec, TypeVar

from ttq_bench.analysis.tables import Tables

P = ParamSpec("P")
T = TypeVar("T")


def once(
    measure: Callable[Concatenate[Tables, P], T],
) -> Callable[Concatenate[Tables, P], T]:
    """Return ``measure`` with its results kept beside the tables, by its other arguments.

    These have to be hashable. The result is handed out again: nobody may change it in place.
    """

    @functools.wraps(measure)
    def found(tables: Tables, /, *names: P.args, **more: P.kwargs) -> T:
        key: Hashable = (measure, names, tuple(more.items()))
        answers: dict[Hashable, Any] = tables.answers
        if key not in answers:
            answers[key] = measure(tables, *names, **more)
        answer: T = answers[key]
        return answer

    return found
