"""The cheapest course of left and right: kernel against every course there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from openpaf_kernels.sides import cheapest_course


def price(states: tuple[int, ...], costs: np.ndarray, own: np.ndarray) -> float:
    total = float(sum(s * cost for s, cost in zip(states, own, strict=True)))
    for t in range(2, len(states)):
        total += float(costs[t, states[t - 2], states[t - 1], states[t]])
    return total


@pytest.mark.parametrize("frames", [2, 3, 7])
def test_against_all_courses(frames: int, rng: np.random.Generator) -> None:
    for _ in range(20):
        costs, own = rng.random((frames, 2, 2, 2)), rng.random(frames)
        states = np.zeros(frames, np.uint8)
        found = cheapest_course(costs, own, states)
        courses = itertools.product((0, 1), repeat=frames)
        best = min(courses, key=lambda course: price(course, costs, own))
        assert tuple(states.tolist()) == best
        assert found == pytest.approx(price(best, costs, own))


def test_one_frame_and_none() -> None:
    for frames in (0, 1):
        states = np.ones(frames, np.uint8)
        assert cheapest_course(np.zeros((frames, 2, 2, 2)), np.ones(frames), states) == 0
        assert not states.any()
