"""The arithmetic of tracking: prediction, pose similarity, exchanges of sides, one-euro smoothing.

T people are followed and N were found, all of K parts; coordinates are px, times seconds, and a
scale is half a body's diagonal, about 0.9 m of a standing adult. Parts that were not found have
any finite coordinates.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import math

import numpy as np

from .cache import CACHE, njit

# Seconds over which a person out of sight is thought to slow down, and for which a part that was
# not found can still be told from the rest of the body.
GLIDE = 2.0
PART_MEMORY = 0.75
# Scales by which somebody may be off the prediction: at once, for each second out of sight, and
# for each second while their speed is not known. And how far their parts may have moved against
# each other, for each second and at most.
STRAY, STRAY_LOST, STRAY_NEWCOMER = 0.2, 0.5, 1.5
LOOSE, LOOSEST = 1.0, 0.15
# Left and right are exchanged when that fits so many times better, and moves the parts by so many
# scales: less may be noise.
CLEARLY_BETTER, CLEARLY_MOVED = 4.0, 0.1
# Hz, of the speed estimate: the one-euro paper proposes 1, a little less calms still people.
SPEED_CUTOFF = 0.7
# Share of the new scale: a body changes slowly, and somebody half hidden is not smaller.
SCALE_GAIN = 0.1
# Seconds over which a body's pace is averaged.
PACE_MEMORY = 0.05


@njit(cache=CACHE, nogil=True)
def measure(keypoints, found, scale):
    """Half the diagonal of the parts found, at least 1.

    Parameters
    ----------
    keypoints : (N, K, 2) float32
    found : (N, K) bool
    scale : (N,) float32
        Filled.
    """
    for n in range(len(keypoints)):
        low_x = low_y = np.inf
        high_x = high_y = -np.inf
        for k in range(keypoints.shape[1]):
            if found[n, k]:
                low_x = min(low_x, keypoints[n, k, 0])
                low_y = min(low_y, keypoints[n, k, 1])
                high_x = max(high_x, keypoints[n, k, 0])
                high_y = max(high_y, keypoints[n, k, 1])
        diagonal = math.hypot(high_x - low_x, high_y - low_y) if high_x >= low_x else 0.0
        scale[n] = max(0.5 * diagonal, 1.0)


@njit(cache=CACHE, nogil=True)
def expect(time, position, part_seen, seen, pace, width, height, expected, known):
    """Where everybody's parts should be by now.

    Parameters
    ----------
    time : float
    position : (T, K, 2) float32
    part_seen : (T, K) float64
    seen : (T,) float64
    pace : (T, 2) float32, px/s
    width, height : float
        Of the frame: whoever walks out of it is expected back where they left it. 0 if not known.
    expected : (T, K, 2) float32
        Filled.
    known : (T, K) bool
        Filled: whether the part's place can be told.
    """
    parts = position.shape[1]
    for t in range(len(position)):
        reach = -GLIDE * math.expm1((seen[t] - time) / GLIDE)
        shift_x, shift_y = pace[t, 0] * reach, pace[t, 1] * reach
        count, centre_x, centre_y = 0, 0.0, 0.0
        for k in range(parts):
            known[t, k] = seen[t] - part_seen[t, k] <= PART_MEMORY
            if known[t, k]:
                count += 1
                centre_x += position[t, k, 0]
                centre_y += position[t, k, 1]
        if width > 0 and count:
            centre_x /= count
            centre_y /= count
            x = min(max(centre_x + shift_x, min(centre_x, 0.0)), max(centre_x, width))
            y = min(max(centre_y + shift_y, min(centre_y, 0.0)), max(centre_y, height))
            shift_x, shift_y = x - centre_x, y - centre_y
        for k in range(parts):
            expected[t, k, 0] = position[t, k, 0] + shift_x
            expected[t, k, 1] = position[t, k, 1] + shift_y


@njit(cache=CACHE, nogil=True)
def similarity(time, expected, known, seen, hits, scale, sigmas, keypoints, found, out):
    """Compare every expected pose with every found one.

    A body may have strayed as a whole, so the common offset of the shared parts is judged on its
    own, with a Gaussian that widens with the time out of sight; what is left is judged part by
    part as OKS does, with a falloff of 2 sigma times the scale. The part-wise sum is divided by
    the parts of whichever has fewer: half a body fits the whole one, one shared part proves little.

    Parameters
    ----------
    time : float
    expected : (T, K, 2) float32
    known : (T, K) bool
    seen : (T,) float64
    hits : (T,) int64
    scale : (T,) float32
    sigmas : (K,) float32
    keypoints : (N, K, 2) float32
    found : (N, K) bool
    out : (T, N) float32
        Filled, 0 to 1.
    """
    tracks, people, parts = len(expected), len(keypoints), len(sigmas)
    for t in range(tracks):
        elapsed = time - seen[t]
        stray = (STRAY + elapsed * (STRAY_LOST if hits[t] > 1 else STRAY_NEWCOMER)) * scale[t]
        loose = min(LOOSE * elapsed, LOOSEST) * scale[t]
        for n in range(people):
            parts_t, parts_n, weights, mean_x, mean_y = 0, 0, 0.0, 0.0, 0.0
            for k in range(parts):
                parts_t += known[t, k]
                parts_n += found[n, k]
                if known[t, k] and found[n, k]:
                    weight = 1 / (sigmas[k] * sigmas[k])
                    weights += weight
                    mean_x += weight * (keypoints[n, k, 0] - expected[t, k, 0])
                    mean_y += weight * (keypoints[n, k, 1] - expected[t, k, 1])
            out[t, n] = 0
            if weights == 0:
                continue
            mean_x /= weights
            mean_y /= weights
            away = (mean_x * mean_x + mean_y * mean_y) / (2 * stray * stray)
            # Beyond this nothing could reach a useful similarity: spare the exponentials.
            if away > 4:
                continue
            total = 0.0
            for k in range(parts):
                if known[t, k] and found[n, k]:
                    x = keypoints[n, k, 0] - expected[t, k, 0] - mean_x
                    y = keypoints[n, k, 1] - expected[t, k, 1] - mean_y
                    width = 2 * sigmas[k] * scale[t] + loose
                    total += math.exp(-(x * x + y * y) / (2 * width * width))
            out[t, n] = math.exp(-away) * total / min(parts_t, parts_n)


@njit(cache=CACHE, nogil=True)
def put_sides_right(
    time, patience, rows, people, expected, known, scale, left, right, group, since, part_seen,
    keypoints, scores, found,
):  # fmt: skip
    """Exchange left and right parts, in place, where that fits far better than as they are.

    Groups of parts go together. An exchange that has been undone for longer than `patience` is
    believed instead, and its parts count as never seen before.

    Parameters
    ----------
    time, patience : float
    rows, people : (M,) intp
        Which track is which person.
    expected : (T, K, 2) float32
    known : (T, K) bool
    scale : (T,) float32
    left, right, group : (P,) intp
        Part pairs and the group of each.
    since : (T, G) float64
        Since when a group has been exchanged, infinite when it is not; updated.
    part_seen : (T, K) float64
        Updated.
    keypoints : (N, K, 2) float32
    scores : (N, K) float32
    found : (N, K) bool
        Exchanged.
    """
    pairs = len(left)
    for m in range(len(rows)):
        t, n = rows[m], people[m]
        for g in range(since.shape[1]):
            straight, crossed, count = 0.0, 0.0, 0
            for p in range(pairs):
                a, b = left[p], right[p]
                if group[p] != g or not (known[t, a] and known[t, b]):
                    continue
                if not (found[n, a] and found[n, b]):
                    continue
                for axis in range(2):
                    from_a, from_b = expected[t, a, axis], expected[t, b, axis]
                    to_a, to_b = keypoints[n, a, axis], keypoints[n, b, axis]
                    straight += (to_a - from_a) ** 2 + (to_b - from_b) ** 2
                    crossed += (to_b - from_a) ** 2 + (to_a - from_b) ** 2
                count += 1
            clear = 2 * count * (CLEARLY_MOVED * scale[t]) ** 2
            if not (straight > CLEARLY_BETTER * crossed and straight > clear):
                since[t, g] = np.inf
                continue
            since[t, g] = min(since[t, g], time)
            believed = time - since[t, g] > patience
            if believed:
                since[t, g] = np.inf
            for p in range(pairs):
                a, b = left[p], right[p]
                if group[p] != g:
                    continue
                if believed:
                    part_seen[t, a] = part_seen[t, b] = -np.inf
                    continue
                for axis in range(2):
                    keep = keypoints[n, a, axis]
                    keypoints[n, a, axis] = keypoints[n, b, axis]
                    keypoints[n, b, axis] = keep
                score, there = scores[n, a], found[n, a]
                scores[n, a], found[n, a] = scores[n, b], found[n, b]
                scores[n, b], found[n, b] = score, there


@njit(cache=CACHE, nogil=True)
def follow(
    time, rows, people, expected, keypoints, found, found_scale, steadiness, still_cutoff,
    moving_cutoff, position, velocity, part_seen, seen, pace, scale, hits,
):  # fmt: skip
    """Move M tracks to their people with the one-euro filter (Casiez et al., CHI 2012), in place.

    The filter's cutoff rises with speed in scales a second, so that a setting means the same for
    someone near and someone far, at any resolution and any frame rate.

    Parameters
    ----------
    time : float
    rows, people : (M,) intp
        Which track is which person.
    expected : (T, K, 2) float32
        Where parts that were not found go.
    keypoints : (N, K, 2) float32
    found : (N, K) bool
    found_scale : (N,) float32
    steadiness : (K,) float32
        How much a part's speed says about the body's.
    still_cutoff : float, Hz
    moving_cutoff : float, Hz for each scale a second
    position, velocity : (T, K, 2) float32
    part_seen : (T, K) float64
    seen : (T,) float64
    pace : (T, 2) float32
    scale : (T,) float32
    hits : (T,) int64
        The tracks, updated.
    """
    for m in range(len(rows)):
        t, n = rows[m], people[m]
        scale[t] += SCALE_GAIN * (found_scale[n] - scale[t])
        weights, pace_x, pace_y = 0.0, 0.0, 0.0
        for k in range(position.shape[1]):
            fresh = seen[t] - part_seen[t, k] > PART_MEMORY
            if fresh:
                velocity[t, k, 0], velocity[t, k, 1] = pace[t, 0], pace[t, 1]
            if not found[n, k]:
                position[t, k, 0] = expected[t, k, 0]
                position[t, k, 1] = expected[t, k, 1]
                continue
            gain = 1.0
            if not fresh:
                elapsed = time - part_seen[t, k]
                turn = 2 * math.pi * elapsed
                speed_gain = turn * SPEED_CUTOFF / (turn * SPEED_CUTOFF + 1)
                for axis in range(2):
                    speed = (keypoints[n, k, axis] - position[t, k, axis]) / elapsed
                    velocity[t, k, axis] += speed_gain * (speed - velocity[t, k, axis])
                speed = math.hypot(velocity[t, k, 0], velocity[t, k, 1]) / scale[t]
                turn *= still_cutoff + moving_cutoff * speed
                gain = turn / (turn + 1)
            for axis in range(2):
                position[t, k, axis] += gain * (keypoints[n, k, axis] - position[t, k, axis])
            part_seen[t, k] = time
            weights += steadiness[k]
            pace_x += steadiness[k] * velocity[t, k, 0]
            pace_y += steadiness[k] * velocity[t, k, 1]
        if weights > 0:
            step = time - seen[t]
            gain = step / (step + PACE_MEMORY)
            pace[t, 0] += gain * (pace_x / weights - pace[t, 0])
            pace[t, 1] += gain * (pace_y / weights - pace[t, 1])
        seen[t] = time
        hits[t] += 1
