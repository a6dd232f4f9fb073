"""Left and right exchanged, found by how a body would have to accelerate, and put back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.motion.trail import EXCHANGED, Trail
from openpaf.track.parts import GROUPS, Parts
from openpaf_kernels.sides import cheapest_course

# Scales of acceleration that being exchanged for a second costs: what lasts is believed.
_PATIENCE = 1.5
# Scales that going over to the other side costs: where limbs cover one another, noise is no reason.
_CHANGE = 0.3
# Seconds after which a course says nothing of where a limb comes back: in half a stride the legs
# have changed places.
_REACH = 0.2
# Scales by which one part can be off; more does not say more.
_MOST = 1.0


def mend_sides(trail: Trail) -> Trail:
    """Put left and right in place where a network took them for one another.

    Arms, legs and face are looked at by themselves. The course of left and right through the whole
    trail is the one that needs the least acceleration; exchanged frames cost a little each, so what
    stays exchanged for a second or two is believed.

    Parameters
    ----------
    trail : Trail

    Returns
    -------
    Trail
        Keypoints and scores put back, marked `EXCHANGED`.
    """
    parts = Parts.of(trail.skeleton, swinging_weight=1.0)
    keypoints, scores, marks = trail.keypoints.copy(), trail.scores.copy(), trail.marks.copy()
    for group in range(GROUPS):
        pairs = np.stack([parts.left, parts.right], axis=1)[parts.group == group]
        if not len(pairs):
            continue
        rows = np.flatnonzero(_exchanged(trail, pairs))
        for left, right in pairs.tolist():
            for values in (keypoints, scores, marks):
                values[rows, left], values[rows, right] = (
                    values[rows, right].copy(),
                    values[rows, left].copy(),
                )
            marks[rows, left] |= EXCHANGED
            marks[rows, right] |= EXCHANGED
    return trail.with_keypoints(keypoints, scores=scores, marks=marks)


def _exchanged(trail: Trail, pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(T,) whether these (left, right) pairs are exchanged."""
    sides = trail.keypoints[:, pairs]  # (T, P, 2 sides, 2)
    both = np.logical_and.reduce(np.isfinite(sides), axis=(2, 3))
    seen = np.flatnonzero(both.any(1))
    exchanged = np.zeros(len(trail), bool)
    if len(seen) < 3:
        return exchanged
    times = trail.times[seen]
    sides = np.where(both[seen][..., None, None], sides[seen], np.nan) / trail.scale
    own = np.full(len(seen), _PATIENCE * float(np.median(np.diff(times))))
    states = np.zeros(len(seen), np.uint8)
    cheapest_course(_costs(sides, times), own, states)
    exchanged[seen] = states > 0
    return exchanged


def _costs(sides: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 2, 2, 2) scales of acceleration of every triple of states."""
    costs = np.zeros((len(times), 2, 2, 2))
    states = (sides, sides[:, :, ::-1])
    steps = np.diff(times)
    usual = float(np.median(steps))
    ahead = (np.minimum(steps[1:], _REACH) / steps[:-1])[:, None, None, None]
    says = np.clip(1 - (steps[1:] - usual) / _REACH, 0, 1)
    # A speed from across a gap says as little.
    ahead *= (steps[:-1] < usual + _REACH)[:, None, None, None]
    for a in range(2):
        for b in range(2):
            first, second = states[a][:-2], states[b][1:-1]
            expected = second + (second - first) * ahead
            # Where the frame before last says nothing, the part is expected where it was.
            expected = np.where(np.isnan(first), second, expected)
            for c in range(2):
                off = np.linalg.norm(states[c][2:] - expected, axis=3)
                costs[2:, a, b, c] = says * np.nan_to_num(np.minimum(off, _MOST)).sum((1, 2))
                costs[2:, a, b, c] += _CHANGE * (b != c)
    return costs
