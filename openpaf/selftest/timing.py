"""How things are timed, the same for `openpaf bench` and every benchmark.

A call is repeated at least thirty times after a warm-up; the median and the spread between the
quartiles say what to expect, the best what the machine can do when nothing else runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Timing:
    """Milliseconds a call takes: median, distance between the quartiles, and the best."""

    median_ms: float
    iqr_ms: float
    best_ms: float
    repeats: int

    @classmethod
    def of(cls, taken: ArrayLike) -> Self:
        """Sum up (calls, repeats) seconds; the figures are means over the calls."""
        seconds = np.atleast_2d(np.asarray(taken, np.float64))
        # What repeats of one call differ by is noise, what calls differ by is not.
        low, middle, high = np.percentile(1000 * seconds, [25, 50, 75], axis=1).mean(axis=1)
        best = float(1000 * seconds.min(axis=1).mean())
        return cls(float(middle), float(high - low), best, seconds.size)


def measure(
    calls: Sequence[Callable[[], object]], *, repeats: int = 30, warm_up: int = 3
) -> Timing:
    """Time calls that do the same kind of work, each `repeats` times in a row: caches are warm.

    Parameters
    ----------
    calls : sequence of callables
        At least one; several when the work depends on the input. The figures are means over them.
    repeats : int
        Of each call; at least 30 measurements are taken in all.
    warm_up : int
        Repeats of each call before the first that counts.
    """
    rounds = max(repeats, -(-30 // len(calls)))
    taken = np.empty((len(calls), rounds))
    for m, call in enumerate(calls):
        for _ in range(warm_up):
            call()
        for n in range(rounds):
            start = time.perf_counter()
            call()
            taken[m, n] = time.perf_counter() - start
    return Timing.of(taken)
