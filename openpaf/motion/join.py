"""Ids of one person, joined where they went out of sight and came back."""

from __future__ import annotations

import bisect

import numpy as np
from numpy.typing import NDArray

from openpaf.motion.survey import Stay

# A person goes on at their speed for so long; after that they may be anywhere near.
_GLIDE = 0.7
# How far off, in body heights, they may come back: at once, and for each second out of sight.
_OFF, _OFF_A_SECOND = 0.35, 0.35
# How much limbs may differ: the mean of the absolute logarithms of their ratios.
_SHAPE = 0.3
_Sightings = list[tuple[float, NDArray[np.float32]]]


def join_stays(stays: dict[int, Stay], longest: float) -> dict[int, int]:
    """Say which ids are the same person: motion and shape must agree.

    Parameters
    ----------
    stays : dict of Stay
    longest : float
        Seconds out of sight.

    Returns
    -------
    dict of int to int
        For each id the first id of that person.
    """
    starts = sorted(stays.values(), key=lambda stay: stay.first)
    times = [stay.first for stay in starts]
    candidates = []
    for stay in stays.values():
        low = bisect.bisect_right(times, stay.last)
        high = bisect.bisect_right(times, stay.last + longest)
        for other in starts[low:high]:
            cost = _difference(stay, other)
            if cost is not None:
                candidates.append((cost, stay.id, other.id))
    # The best pairs first: each stay goes on in one other at most, and continues one at most.
    follows: dict[int, int] = {}
    taken: set[int] = set()
    for _, before, after in sorted(candidates):
        if before not in follows and after not in taken:
            follows[before] = after
            taken.add(after)
    first = {}
    for stay in starts:
        if stay.id not in taken:
            chain = stay.id
            while True:
                first[chain] = stay.id
                if chain not in follows:
                    break
                chain = follows[chain]
    return first


def _difference(before: Stay, after: Stay) -> float | None:
    """How unlikely they are one person, or None where they cannot be."""
    height = max(_height(before), _height(after), 1.0)
    gone = after.first - before.last
    place, speed = _end(before.last_frames, -1)
    start, start_speed = _end(after.first_frames, 0)
    glide = min(gone, _GLIDE)
    # From where they went to where they came from, looked at from both sides.
    ahead = np.linalg.norm(place + speed * glide - start)
    back = np.linalg.norm(start - start_speed * glide - place)
    off = float(min(ahead, back)) / height
    allowed = _OFF + _OFF_A_SECOND * gone
    shape = _shape_difference(before, after)
    if not off <= allowed or shape > _SHAPE:
        return None
    return off / allowed + shape / _SHAPE + gone


def _end(sightings: _Sightings, which: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the body is at that end, px, and its speed there, px/s."""
    times = np.array([time for time, _ in sightings])
    bodies = np.array([keypoints for _, keypoints in sightings], np.float64)
    # Only parts seen all the time, so that one that appears does not look like a step.
    steady = np.isfinite(bodies).all((0, 2))
    if steady.any():
        centres = bodies[:, steady].mean(1)
    else:
        centres = np.array([np.nanmean(body, axis=0) for body in bodies])
    if len(times) < 3:
        return centres[which], np.zeros(2)
    slope = np.polyfit(times - times[0], centres, 1)[0]
    return centres[which], slope


def _height(stay: Stay) -> float:
    low = np.array([np.nanmin(keypoints, axis=0) for _, keypoints in stay.last_frames])
    high = np.array([np.nanmax(keypoints, axis=0) for _, keypoints in stay.last_frames])
    return float(np.median(np.linalg.norm(high - low, axis=1)))


def _shape_difference(before: Stay, after: Stay) -> float:
    both = (before.limb_counts > 0) & (after.limb_counts > 0)
    if not both.any():
        return 0.0
    first = before.limb_lengths[both] / before.limb_counts[both]
    second = after.limb_lengths[both] / after.limb_counts[both]
    ratios = np.log(np.maximum(first, 1) / np.maximum(second, 1))
    return float(np.median(np.abs(ratios)))
