"""Which tests run when: those without a marker, those marked ``slow``, and those marked ``full``.

The Makefile selects them: ``make test`` the first, ``make test-slow`` the second and
``make test-full`` all. Where a test has many cases, a few stand for all in the first tier.
"""

import os
from collections.abc import Collection, Iterable
from typing import Any

import pytest

# Also how often a fault is provoked: ``make test-full`` and ``make faults``.
FULL = os.environ.get("TTQ_BENCH_TESTS") == "full"


def slow_but(quick: Collection[Any], cases: Iterable[Any]) -> list[Any]:
    """Return the values of ``parametrize``; all but those in ``quick`` are marked ``slow``."""
    cases = list(cases)
    assert not [one for one in quick if one not in cases], f"not among the cases: {quick}"
    return [one if one in quick else _slow(one) for one in cases]


def _slow(case: Any) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)
