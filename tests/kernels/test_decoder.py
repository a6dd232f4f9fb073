"""Each kernel against its slow, obvious reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment

from openpaf.selftest.crowd import make_crowd
from openpaf_kernels.limbs import END_ROWS, INT_ROWS, PAIRS_A_START, connect
from openpaf_kernels.peaks import CENTROID, LOG_QUADRATIC, NONE, find_peaks
from tests import reference_decoder as reference

Float32 = NDArray[np.float32]
MODES = ("none", "quadratic", "log_quadratic", "quarter_offset", "centroid")
PROBES = np.linspace(0, 1, 10, dtype=np.float32)

grids = st.tuples(st.integers(1, 20), st.integers(1, 40))
seeds = st.integers(0, 2**32 - 1)


def run_find_peaks(
    maps: Float32, threshold: float, mode: str, room: int = 512
) -> tuple[list[list[reference.Candidate]], int]:
    """Candidates of each map, as the kernel finds them, and how many were dropped."""
    width = maps.shape[2]
    words = np.zeros((width + 7) // 8, np.uint64)
    candidates = np.full((3, len(maps), room), np.nan, np.float32)
    counts = np.full(len(maps), -1, np.int32)
    dropped = find_peaks(
        maps, threshold, MODES.index(mode), words.view(np.uint8), words,
        np.empty(width, np.float32), candidates, counts,
    )  # fmt: skip
    found = [
        [reference.Candidate(*candidates[:, k, c].tolist()) for c in range(count)]
        for k, count in enumerate(counts)
    ]
    return found, dropped


def run_connect(
    pafs: Float32, limbs: list[tuple[int, int]], parts: list[list[reference.Candidate]]
) -> tuple[list[list[reference.Connection]], int]:
    """Connections of each limb, as the kernel finds them, and how many pairs were dropped."""
    room = max(8, *(len(part) for part in parts))
    candidates = np.zeros((3, len(parts), room), np.float32)
    for k, part in enumerate(parts):
        candidates[:, k, : len(part)] = np.array(part, np.float32).reshape(-1, 3).T
    counts = np.array([len(part) for part in parts], np.int32)
    connections = np.full((2, len(limbs), room), -1, np.int32)
    scores = np.empty((len(limbs), room), np.float32)
    connection_counts = np.empty(len(limbs), np.int32)
    dropped = connect(
        pafs.reshape(len(pafs), -1), pafs.shape[2], np.array(limbs, np.int32), candidates, counts,
        0.05, PROBES, 2, np.empty((2, END_ROWS, room), np.float32),
        np.empty((INT_ROWS, room), np.int32), np.empty((2, room * PAIRS_A_START), np.int32),
        np.empty(room * PAIRS_A_START, np.float32), connections, scores, connection_counts,
    )  # fmt: skip
    found = [
        [
            reference.Connection(
                int(connections[0, limb, n]), int(connections[1, limb, n]), float(scores[limb, n])
            )
            for n in range(count)
        ]
        for limb, count in enumerate(connection_counts)
    ]
    return found, dropped


def random_candidates(
    rng: np.random.Generator, count: int, grid: tuple[int, int]
) -> list[reference.Candidate]:
    h, w = grid
    places = rng.random((count, 3), np.float32) * np.array([w - 1, h - 1, 1], np.float32)
    return [reference.Candidate(*row) for row in places.tolist()]


@pytest.mark.parametrize("mode", MODES)
@given(grids, seeds, st.sampled_from([0.0, 0.1, 0.9]), st.sampled_from([0.0, 0.8, 2.0]))
@settings(max_examples=40, deadline=None)
def test_peaks(mode: str, grid: tuple[int, int], seed: int, threshold: float, blur: float) -> None:
    maps = np.random.default_rng(seed).standard_normal((2, *grid)).astype(np.float32)
    maps = gaussian_filter(maps, (0, blur, blur)).astype(np.float32)
    found, dropped = run_find_peaks(maps, threshold, mode)
    assert dropped == 0
    for k, candidates in enumerate(found):
        expected = reference.find_peaks(maps[k], threshold, mode)
        np.testing.assert_allclose(
            np.array(candidates).reshape(-1, 3),
            np.array(expected).reshape(-1, 3),
            rtol=1e-4,
            atol=2e-3,
        )


@given(grids, seeds)
@settings(max_examples=30, deadline=None)
def test_peaks_on_plateaus(grid: tuple[int, int], seed: int) -> None:
    maps = np.random.default_rng(seed).integers(0, 3, (1, *grid)).astype(np.float32)
    found, _ = run_find_peaks(maps, 0.5, "none")
    assert found[0] == reference.find_peaks(maps[0], 0.5, "none")


def test_strongest_peaks_stay(rng: np.random.Generator) -> None:
    maps = rng.random((3, 60, 60), np.float32)
    all_found, _ = run_find_peaks(maps, 0.1, "none")
    found, dropped = run_find_peaks(maps, 0.1, "none", room=16)
    for some, everything in zip(found, all_found, strict=True):
        strongest = sorted((c.score for c in everything), reverse=True)[:16]
        assert sorted((c.score for c in some), reverse=True) == strongest
    assert dropped == sum(len(everything) - 16 for everything in all_found)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_peaks_survive_wild_values(rng: np.random.Generator, mode: str, wild: float) -> None:
    maps = rng.standard_normal((1, 12, 13), np.float32)
    maps[rng.random(maps.shape) < 0.3] = wild
    found, _ = run_find_peaks(maps, 0.1, mode)
    for x, y, score in found[0]:
        assert 0 <= x <= 12 and 0 <= y <= 11 and np.isfinite(score)


def test_gaussian_is_found_exactly() -> None:
    y, x = np.mgrid[:20, :30]
    for centre in ((10.0, 9.0), (10.5, 9.5), (12.3, 4.9), (3.51, 16.2)):
        squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
        maps = np.exp(-squared / (2 * 0.875**2))[None].astype(np.float32)
        found, _ = run_find_peaks(maps, 0.1, MODES[LOG_QUADRATIC])
        assert len(found[0]) == 1
        np.testing.assert_allclose(found[0][0], (*centre, 1.0), atol=1e-3)


@given(st.tuples(st.integers(2, 20), st.integers(2, 40)), seeds, st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_connections(grid: tuple[int, int], seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    pafs = rng.standard_normal((4, *grid)).astype(np.float32) * 0.3
    # A steady drift, so that some pairs are accepted.
    pafs[::2] += np.float32(0.6)
    parts = [random_candidates(rng, count, grid) for _ in range(3)]
    limbs = [(0, 1), (2, 1)]
    found, dropped = run_connect(pafs, limbs, parts)
    assert dropped == 0
    for limb, (a, b) in enumerate(limbs):
        expected = reference.connect(pafs[2 * limb], pafs[2 * limb + 1], parts[a], parts[b])
        assert {(c.a, c.b) for c in found[limb]} == {(c.a, c.b) for c in expected}
        mine = {(c.a, c.b): c.score for c in found[limb]}
        for c in expected:
            assert mine[c.a, c.b] == pytest.approx(c.score, abs=1e-4)


def test_equal_scores_go_to_the_first() -> None:
    pafs = np.zeros((2, 8, 30), np.float32)
    pafs[0] = 1
    starts = [reference.Candidate(2, 3, 1), reference.Candidate(2, 3, 1)]
    ends = [reference.Candidate(20, 3, 1), reference.Candidate(20, 3, 1)]
    found, _ = run_connect(pafs, [(0, 1)], [starts, ends])
    assert [(c.a, c.b) for c in sorted(found[0])] == [(0, 0), (1, 1)]


def test_greedy_is_near_the_optimum_in_a_crowd() -> None:
    fields = make_crowd(12, seed=3, noise="clean").fields
    maps, pafs = fields.confidence_maps, fields.pafs
    parts, _ = run_find_peaks(maps, 0.1, "log_quadratic")
    limbs = list(fields.skeleton.limbs)
    found, _ = run_connect(pafs, limbs, parts)
    greedy = sum(c.score for of_limb in found for c in of_limb)
    optimum = 0.0
    for limb, (a, b) in enumerate(limbs):
        field_x, field_y = pafs[2 * limb], pafs[2 * limb + 1]
        scores = np.array(
            [
                [reference.pair_score(field_x, field_y, i, j, 0.05, 0.8, 10) for j in parts[b]]
                for i in parts[a]
            ]
        )
        optimum += float(scores[linear_sum_assignment(-scores)].sum())
    assert 0.98 * optimum < greedy <= optimum * (1 + 1e-5)


def test_modes_are_numbered_as_the_kernel_expects() -> None:
    assert MODES[NONE] == "none"
    assert MODES[LOG_QUADRATIC] == "log_quadratic"
    assert MODES[CENTROID] == "centroid"


def test_many_pairs_from_one_start_are_bounded(rng: np.random.Generator) -> None:
    pafs = np.zeros((2, 40, 40), np.float32)
    pafs[0] = 1
    starts = [reference.Candidate(1, 20, 1)]
    ends = [reference.Candidate(float(x), 20, 1) for x in np.linspace(10, 39, 60)]
    found, dropped = run_connect(pafs, [(0, 1)], [starts, ends])
    assert len(found[0]) == 1
    assert dropped == 60 - PAIRS_A_START
