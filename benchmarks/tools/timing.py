"""Times of single calls, and calls in a time; `openpaf.selftest.timing` sums up many."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Given = TypeVar("Given")


def milliseconds(call: Callable[[], Given]) -> tuple[float, Given]:
    """Milliseconds one call takes, and what it gives."""
    start = time.perf_counter()
    given = call()
    return 1000 * (time.perf_counter() - start), given


def a_second(work: Callable[[], int], seconds: float) -> float:
    """How much work is done a second; the last call may run over, and its time counts."""
    done, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or not done:
        done += work()
    return done / spent
