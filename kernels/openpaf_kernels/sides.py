"""When left and right of a body were exchanged: the likeliest course through a whole recording.

Every frame is taken as it is (state 0) or with its sides exchanged (state 1). A course costs what
its accelerations cost, and something for each exchanged frame; this is Viterbi's algorithm over
pairs of states, because an acceleration needs three frames.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np

from .cache import CACHE, njit


@njit(cache=CACHE, nogil=True)
def cheapest_course(costs, own, states):
    """Find the states with the least cost in all.

    Parameters
    ----------
    costs : (T, 2, 2, 2) float64
        Of the states of frames t - 2, t - 1 and t; those of the first two frames are not used.
    own : (T,) float64
        Of frame t being exchanged.
    states : (T,) uint8
        Filled.

    Returns
    -------
    float
        What the course costs.
    """
    count = len(own)
    if count < 2:
        for t in range(count):
            states[t] = 1 if own[t] < 0 else 0
        return 0.0
    total = np.empty((2, 2))
    for a in range(2):
        for b in range(2):
            total[a, b] = a * own[0] + b * own[1]
    came_from = np.zeros((count, 2, 2), np.uint8)
    for t in range(2, count):
        following = np.empty((2, 2))
        for b in range(2):
            for c in range(2):
                from_0 = total[0, b] + costs[t, 0, b, c]
                from_1 = total[1, b] + costs[t, 1, b, c]
                came_from[t, b, c] = 1 if from_1 < from_0 else 0
                following[b, c] = min(from_0, from_1) + c * own[t]
        total = following
    b, c = 0, 0
    for one in range(2):
        for other in range(2):
            if total[one, other] < total[b, c]:
                b, c = one, other
    least = total[b, c]
    for t in range(count - 1, 1, -1):
        states[t] = c
        b, c = came_from[t, b, c], b
    states[1], states[0] = c, b
    return least
