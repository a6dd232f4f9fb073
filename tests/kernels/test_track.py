"""The tracking kernels next to slow and obvious references."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from openpaf.skeleton import COCO_18
from openpaf.track.parts import GROUPS, Parts
from openpaf_kernels import track
from openpaf_kernels.track import expect, follow, measure, put_sides_right, similarity

SEEDS = st.integers(0, 2**32 - 1)
PARTS = Parts.of(COCO_18, 0.01)

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]


def bodies(rng: np.random.Generator, count: int) -> tuple[Float32, Bool]:
    keypoints = rng.uniform(0, 100, (count, 18, 2)).astype(np.float32)
    return keypoints, rng.random((count, 18)) < 0.7


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_measure(seed: int) -> None:
    keypoints, found = bodies(np.random.default_rng(seed), 4)
    found[3] = False
    scale = np.empty(4, np.float32)
    measure(keypoints, found, scale)
    for n in range(3):
        extent = np.ptp(keypoints[n, found[n]], axis=0)
        assert math.isclose(scale[n], max(0.5 * math.hypot(*extent), 1), rel_tol=1e-5)
    assert scale[3] == 1


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_expect(seed: int) -> None:
    rng = np.random.default_rng(seed)
    position, _ = bodies(rng, 5)
    seen = rng.uniform(0, 2, 5)
    part_seen = seen[:, None] - rng.choice([0, 0.5, 1, np.inf], (5, 18))
    part_seen[:, 0] = seen
    pace = rng.normal(0, 100, (5, 2)).astype(np.float32)
    expected, known = np.empty_like(position), np.empty((5, 18), bool)
    for width, height in ((0.0, 0.0), (90.0, 60.0)):
        expect(2.5, position, part_seen, seen, pace, width, height, expected, known)
        np.testing.assert_array_equal(known, seen[:, None] - part_seen <= track.PART_MEMORY)
        for t in range(5):
            reach = track.GLIDE * (1 - math.exp(-(2.5 - seen[t]) / track.GLIDE))
            shift = pace[t] * reach
            if width:
                centre = position[t, known[t]].mean(0)
                inside = np.clip(
                    centre + shift, np.minimum(centre, 0), np.maximum(centre, (width, height))
                )
                shift = inside - centre
            np.testing.assert_allclose(expected[t], position[t] + shift, atol=1e-2)


def slow_similarity(
    elapsed: float,
    newcomer: bool,
    scale: float,
    expected: Float32,
    known: Bool,
    keypoints: Float32,
    found: Bool,
) -> float:
    shared = known & found
    if not shared.any():
        return 0
    stray = track.STRAY + elapsed * (track.STRAY_NEWCOMER if newcomer else track.STRAY_LOST)
    loose = min(track.LOOSE * elapsed, track.LOOSEST) * scale
    offset = (keypoints - expected)[shared].astype(float)
    sigmas = PARTS.sigmas[shared].astype(float)
    common = np.average(offset, axis=0, weights=sigmas**-2)
    away = (common**2).sum() / (2 * (stray * scale) ** 2)
    rest = ((offset - common) ** 2).sum(1)
    falloff = np.exp(-rest / (2 * (2 * sigmas * scale + loose) ** 2)).sum()
    return float(math.exp(-away) * falloff / min(known.sum(), found.sum())) if away <= 4 else 0


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_similarity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keypoints, found = bodies(rng, 4)
    expected, known = bodies(rng, 3)
    expected[0] = keypoints[0] + rng.normal(0, 3, (18, 2))
    scale = rng.uniform(10, 90, 3).astype(np.float32)
    seen, hits = rng.uniform(0, 2, 3), rng.integers(1, 3, 3)
    out = np.full((3, 4), np.nan, np.float32)
    similarity(2.0, expected, known, seen, hits, scale, PARTS.sigmas, keypoints, found, out)
    for t in range(3):
        for n in range(4):
            slow = slow_similarity(
                2.0 - seen[t], hits[t] == 1, scale[t],
                expected[t], known[t], keypoints[n], found[n],
            )  # fmt: skip
            assert math.isclose(out[t, n], slow, rel_tol=1e-3, abs_tol=1e-6)


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_put_sides_right(seed: int) -> None:
    rng = np.random.default_rng(seed)
    expected, known = bodies(rng, 5)
    found = rng.random((5, 18)) < 0.8
    straight = (expected + rng.normal(0, 2, expected.shape)).astype(np.float32)
    keypoints, scores = straight.copy(), rng.random((5, 18)).astype(np.float32)
    exchanged = rng.random((5, GROUPS)) < 0.5
    for m, p in np.argwhere(exchanged[:, PARTS.group]):
        a, b = PARTS.left[p], PARTS.right[p]
        keypoints[m, [a, b]] = keypoints[m, [b, a]]
    scale = np.full(5, 60, np.float32)
    since = np.where(rng.random((5, GROUPS)) < 0.5, 1.0, np.inf)
    before, part_seen = since.copy(), np.zeros((5, 18))
    want, want_scores, want_found = keypoints.copy(), scores.copy(), found.copy()
    want_seen = part_seen.copy()
    for m in range(5):
        for g in range(GROUPS):
            pairs = np.argwhere(PARTS.group == g)[:, 0]
            both = [
                (a, b)
                for a, b in zip(PARTS.left[pairs], PARTS.right[pairs], strict=True)
                if (known & found)[m, [a, b]].all()
            ]
            ab, ba = [list(p) for p in both], [[b, a] for a, b in both]
            as_is = np.square(keypoints[m, ab] - expected[m, ab]).sum() if both else 0
            crossed = np.square(keypoints[m, ba] - expected[m, ab]).sum() if both else 0
            enough = 2 * len(both) * (track.CLEARLY_MOVED * 60) ** 2
            if not (as_is > track.CLEARLY_BETTER * crossed and as_is > enough):
                before[m, g] = np.inf
                continue
            believed = 2.0 - min(before[m, g], 2.0) > 0.4
            before[m, g] = np.inf if believed else 2.0
            for a, b in zip(PARTS.left[pairs], PARTS.right[pairs], strict=True):
                if believed:
                    want_seen[m, [a, b]] = -np.inf
                    continue
                for values in (want, want_scores, want_found):
                    values[m, [a, b]] = values[m, [b, a]]
    every = np.arange(5)
    put_sides_right(
        2.0, 0.4, every, every, expected, known, scale, PARTS.left, PARTS.right, PARTS.group,
        since, part_seen, keypoints, scores, found,
    )  # fmt: skip
    np.testing.assert_array_equal(since, before)
    np.testing.assert_array_equal(part_seen, want_seen)
    np.testing.assert_array_equal(keypoints, want)
    np.testing.assert_array_equal(scores, want_scores)
    np.testing.assert_array_equal(found, want_found)


class SlowOneEuro:
    """The filter of one keypoint as the paper's algorithm 1 writes it."""

    def __init__(self, position: NDArray[np.float64]) -> None:
        self.position, self.velocity = position, np.zeros(2)

    def update(self, seen: NDArray[np.float64], dt: float, still: float, moving: float) -> None:
        def gain(cutoff: float) -> float:
            return 1 / (1 + 1 / (2 * math.pi * cutoff * dt))

        self.velocity = self.velocity + gain(track.SPEED_CUTOFF) * (
            (seen - self.position) / dt - self.velocity
        )
        cutoff = still + moving * math.hypot(*self.velocity)
        self.position = self.position + gain(cutoff) * (seen - self.position)


class Followed:
    """Two tracks, seen at time 0."""

    def __init__(self, position: Float32) -> None:
        self.position, self.velocity = position.copy(), np.zeros_like(position)
        self.part_seen, self.seen = np.zeros((2, 18)), np.zeros(2)
        self.pace, self.scale = np.zeros((2, 2), np.float32), np.array([40, 90], np.float32)
        self.hits = np.ones(2, np.int64)

    def follow(self, time: float, keypoints: Float32, found: Bool, expected: Float32) -> None:
        every = np.arange(2)
        follow(
            time, every, every[::-1].copy(), expected, keypoints, found, self.scale[::-1].copy(),
            PARTS.steadiness, 1.2, 9.0, self.position, self.velocity, self.part_seen, self.seen,
            self.pace, self.scale, self.hits,
        )  # fmt: skip


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_follow_is_the_one_euro_filter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    position, _ = bodies(rng, 2)
    tracks = Followed(position)
    slow = [[SlowOneEuro(point.astype(float)) for point in body] for body in position]
    last = np.zeros((2, 18))
    for frame in range(1, 8):
        keypoints, found = bodies(rng, 2)
        expected, _ = bodies(rng, 2)
        tracks.follow(0.05 * frame, keypoints, found, expected)
        for t, k in np.argwhere(found[::-1]):
            elapsed = 0.05 * frame - last[t, k]
            last[t, k] = 0.05 * frame
            slow[t][k].update(keypoints[1 - t, k].astype(float), elapsed, 1.2, 9 / tracks.scale[t])
            np.testing.assert_allclose(tracks.position[t, k], slow[t][k].position, rtol=2e-3)
        for t, k in np.argwhere(~found[::-1]):
            np.testing.assert_array_equal(tracks.position[t, k], expected[t, k])
            slow[t][k].position = expected[t, k].astype(float)
    assert tracks.hits.tolist() == [8, 8] and np.allclose(tracks.seen, 0.35)


def test_follow_starts_a_part_anew_after_a_while() -> None:
    tracks = Followed(np.zeros((2, 18, 2), np.float32))
    tracks.pace[:] = 7
    tracks.part_seen[:, 4] = -10
    keypoints, found = np.full((2, 18, 2), 50, np.float32), np.ones((2, 18), bool)
    tracks.follow(0.05, keypoints, found, keypoints)
    np.testing.assert_array_equal(tracks.position[:, 4], 50)
    np.testing.assert_array_equal(tracks.velocity[:, 4], 7)
    assert (tracks.position[:, 5] < 50).all()


def test_pace_is_that_of_the_steady_parts() -> None:
    tracks = Followed(np.zeros((2, 18, 2), np.float32))
    for frame in range(1, 40):
        keypoints = np.full((2, 18, 2), 10.0 * frame, np.float32)
        keypoints[:, [3, 4, 6, 7, 9, 10, 12, 13]] = 20 * (-1) ** frame
        tracks.follow(0.05 * frame, keypoints, np.ones((2, 18), bool), keypoints)
    # The filter measures speed from where it smoothed the part to, a little behind.
    np.testing.assert_allclose(tracks.pace, 200, rtol=0.1)
