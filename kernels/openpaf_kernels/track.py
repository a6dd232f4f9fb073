"""The arithmetic of tracking: pose similarity, left-right exchanges, the one-euro filter."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import math

import numpy as np
from numba import njit

from openpaf_kernels.cache import CACHE


@njit(cache=CACHE, nogil=True)
def similarity(expected, known, scale, stray, loose, sigmas, keypoints, found, out):
    """Compare every expected pose with every found one.

    A body may have strayed as a whole, so the common offset of the shared parts is judged on its
    own, with a Gaussian of `stray` px; what is left is judged part by part as OKS does, with a
    falloff of 2 sigma times the scale. The part-wise sum is divided by the parts of whichever has
    fewer: half a body fits the whole one, one shared part proves nothing.

    Parameters
    ----------
    expected : (T, K, 2) float32, px
    known : (T, K) bool
    scale : (T,) float32, px
    stray : (T,) float32, px
    loose : (T,) float32, px
        Added to every falloff.
    sigmas : (K,) float32
    keypoints : (N, K, 2) float32, px
    found : (N, K) bool
    out : (T, N) float32
        Filled, 0 to 1.
    """
    tracks, people, parts = len(expected), len(keypoints), len(sigmas)
    for t in range(tracks):
        for n in range(people):
            fewer_t, fewer_n, weights, mean_x, mean_y = 0, 0, 0.0, 0.0, 0.0
            for k in range(parts):
                fewer_t += known[t, k]
                fewer_n += found[n, k]
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
            away = (mean_x * mean_x + mean_y * mean_y) / (2 * stray[t] * stray[t])
            # Beyond this nothing could reach a useful similarity: spare the exponentials.
            if away > 4:
                continue
            total = 0.0
            for k in range(parts):
                if known[t, k] and found[n, k]:
                    x = keypoints[n, k, 0] - expected[t, k, 0] - mean_x
                    y = keypoints[n, k, 1] - expected[t, k, 1] - mean_y
                    width = 2 * sigmas[k] * scale[t] + loose[t]
                    total += math.exp(-(x * x + y * y) / (2 * width * width))
            out[t, n] = math.exp(-away) * total / min(fewer_t, fewer_n)


@njit(cache=CACHE, nogil=True)
def exchanges(expected, known, scale, keypoints, found, left, right, group, out):
    """Tell which groups of parts fit what was expected far better with left and right exchanged.

    Parameters
    ----------
    expected, keypoints : (M, K, 2) float32, px
        Row by row the same person.
    known, found : (M, K) bool
    scale : (M,) float32, px
    left, right, group : (P,) intp
        Part pairs and the group each belongs to.
    out : (M, G) bool
        Filled.
    """
    groups = out.shape[1]
    straight = np.empty(groups)
    crossed = np.empty(groups)
    pairs = np.empty(groups)
    for m in range(len(expected)):
        straight[:] = 0
        crossed[:] = 0
        pairs[:] = 0
        for p in range(len(left)):
            a, b, g = left[p], right[p], group[p]
            if known[m, a] and known[m, b] and found[m, a] and found[m, b]:
                for axis in range(2):
                    from_a, from_b = expected[m, a, axis], expected[m, b, axis]
                    to_a, to_b = keypoints[m, a, axis], keypoints[m, b, axis]
                    straight[g] += (to_a - from_a) ** 2 + (to_b - from_b) ** 2
                    crossed[g] += (to_b - from_a) ** 2 + (to_a - from_b) ** 2
                pairs[g] += 1
        for g in range(groups):
            # Four times better, and parts a tenth of a body apart: less may be mere noise.
            clear = 2 * pairs[g] * (0.1 * scale[m]) ** 2
            out[m, g] = straight[g] > 4 * crossed[g] and straight[g] > clear


@njit(cache=CACHE, nogil=True)
def one_euro(
    position, velocity, elapsed, scale, keypoints, found, still_cutoff, moving_cutoff, speed_cutoff
):
    """Advance the one-euro filter of M bodies (Casiez, Roussel and Vogel, CHI 2012), in place.

    The cutoff rises with speed in body scales a second, so that a setting means the same for
    someone near and someone far, at any resolution and any frame rate.

    Parameters
    ----------
    position : (M, K, 2) float32, px
        Filtered; replaced where a part was found.
    velocity : (M, K, 2) float32, px/s
        Filtered; replaced where a part was found.
    elapsed : (M, K) float32, s
        Since each part was last found; infinite starts the part anew, at its `velocity`.
    scale : (M,) float32, px
    keypoints : (M, K, 2) float32, px
    found : (M, K) bool
    still_cutoff, speed_cutoff : float, Hz
    moving_cutoff : float, Hz for each body scale a second
    """
    for m in range(len(position)):
        for k in range(position.shape[1]):
            if not found[m, k]:
                continue
            if elapsed[m, k] == np.inf:
                position[m, k, 0] = keypoints[m, k, 0]
                position[m, k, 1] = keypoints[m, k, 1]
                continue
            turn = 2 * math.pi * elapsed[m, k]
            gain = turn * speed_cutoff / (turn * speed_cutoff + 1)
            for axis in range(2):
                speed = (keypoints[m, k, axis] - position[m, k, axis]) / elapsed[m, k]
                velocity[m, k, axis] += gain * (speed - velocity[m, k, axis])
            speed = math.hypot(velocity[m, k, 0], velocity[m, k, 1]) / scale[m]
            turn *= still_cutoff + moving_cutoff * speed
            gain = turn / (turn + 1)
            for axis in range(2):
                position[m, k, axis] += gain * (keypoints[m, k, axis] - position[m, k, axis])
