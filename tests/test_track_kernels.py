"""The tracking kernels next to slow and obvious references."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from openpaf.skeleton import COCO_18
from openpaf_kernels.track import exchanges, one_euro, similarity

SEEDS = st.integers(0, 2**32 - 1)
SIGMAS = np.array(COCO_18.sigmas, np.float32)


def bodies(rng: np.random.Generator, count: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    keypoints = rng.uniform(0, 100, (count, 18, 2)).astype(np.float32)
    return keypoints, rng.random((count, 18)) < 0.7


def slow_similarity(
    expected: NDArray[np.float32],
    scale: float,
    stray: float,
    loose: float,
    keypoints: NDArray[np.float32],
    known: NDArray[np.bool_],
    found: NDArray[np.bool_],
) -> float:
    shared = known & found
    if not shared.any():
        return 0
    offset = (keypoints - expected)[shared].astype(float)
    sigmas = SIGMAS[shared].astype(float)
    common = np.average(offset, axis=0, weights=sigmas**-2)
    away = (common**2).sum() / (2 * stray**2)
    rest = ((offset - common) ** 2).sum(1)
    width = 2 * sigmas * scale + loose
    falloff = np.exp(-rest / (2 * width**2)).sum()
    return float(math.exp(-away) * falloff / min(known.sum(), found.sum())) if away <= 4 else 0


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_similarity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keypoints, found = bodies(rng, 4)
    expected, known = bodies(rng, 3)
    expected[0] = keypoints[0] + rng.normal(0, 3, (18, 2))
    scale, stray, loose = rng.uniform(1, 50, (3, 3)).astype(np.float32)
    out = np.full((3, 4), np.nan, np.float32)
    similarity(expected, known, scale, stray, loose, SIGMAS, keypoints, found, out)
    for t in range(3):
        for n in range(4):
            slow = slow_similarity(
                expected[t], scale[t], stray[t], loose[t], keypoints[n], known[t], found[n]
            )
            assert math.isclose(out[t, n], slow, rel_tol=1e-4, abs_tol=1e-6)


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_exchanges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    expected, known = bodies(rng, 5)
    keypoints, found = expected + rng.normal(0, 2, expected.shape).astype(np.float32), known
    left, right = np.array(COCO_18.pairs, np.intp).T.copy()
    group = np.arange(len(left)) % 3
    flipped = rng.random((5, 3)) < 0.5
    for m, p in np.argwhere(flipped[:, group]):
        a, b = left[p], right[p]
        keypoints[m, [a, b]] = keypoints[m, [b, a]]
    scale = np.full(5, 60, np.float32)
    out = np.empty((5, 3), bool)
    exchanges(expected, known, scale, keypoints, found, left, right, group, out)
    for m in range(5):
        for g in range(3):
            pairs = [
                (a, b)
                for a, b, own in zip(left, right, group, strict=True)
                if own == g and (known & found)[m, [a, b]].all()
            ]
            ab, ba = [list(p) for p in pairs], [[b, a] for a, b in pairs]
            straight = float(np.square(keypoints[m, ab] - expected[m, ab]).sum()) if pairs else 0
            crossed = float(np.square(keypoints[m, ba] - expected[m, ab]).sum()) if pairs else 0
            wanted = straight > 4 * crossed and straight > 2 * len(pairs) * 6.0**2
            assert out[m, g] == wanted


class SlowOneEuro:
    """The filter of one coordinate pair as the paper's algorithm 1 writes it."""

    def __init__(self, position: NDArray[np.float64]) -> None:
        self.position, self.velocity = position, np.zeros(2)

    def update(
        self, seen: NDArray[np.float64], dt: float, still: float, moving: float, speed_cutoff: float
    ) -> None:
        def gain(cutoff: float) -> float:
            return 1 / (1 + 1 / (2 * math.pi * cutoff * dt))

        self.velocity = self.velocity + gain(speed_cutoff) * (
            (seen - self.position) / dt - self.velocity
        )
        cutoff = still + moving * math.hypot(*self.velocity)
        self.position = self.position + gain(cutoff) * (seen - self.position)


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_one_euro(seed: int) -> None:
    rng = np.random.default_rng(seed)
    position, _ = bodies(rng, 2)
    slow = [[SlowOneEuro(point.astype(float)) for point in body] for body in position]
    velocity = np.zeros_like(position)
    elapsed = np.full((2, 18), 0.05, np.float32)
    scale = np.array([40, 90], np.float32)
    for _ in range(6):
        keypoints, found = bodies(rng, 2)
        before = position.copy()
        one_euro(position, velocity, elapsed, scale, keypoints, found, 1.2, 9.0, 0.8)
        np.testing.assert_array_equal(position[~found], before[~found])
        for m, k in np.argwhere(found):
            slow[m][k].update(keypoints[m, k].astype(float), 0.05, 1.2, 9.0 / scale[m], 0.8)
            np.testing.assert_allclose(position[m, k], slow[m][k].position, rtol=1e-3)


def test_one_euro_starts_a_part_anew() -> None:
    position, velocity = np.zeros((1, 18, 2), np.float32), np.ones((1, 18, 2), np.float32)
    keypoints = np.full((1, 18, 2), 50, np.float32)
    elapsed = np.full((1, 18), np.inf, np.float32)
    found = np.ones((1, 18), bool)
    one_euro(position, velocity, elapsed, np.ones(1, np.float32), keypoints, found, 1.0, 9.0, 1.0)
    np.testing.assert_array_equal(position, keypoints)
    np.testing.assert_array_equal(velocity, 1)
