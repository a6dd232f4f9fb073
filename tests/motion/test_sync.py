"""Cameras put in step by wrists: known offsets, other scales and sides, and nothing to go by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.motion.sync import find_offset, find_offsets, wrist_speeds
from openpaf.poses import Poses
from openpaf.skeleton import BODY_25, COCO_18, MPI_15
from tests.motion.walks import record, walk

WRISTS = [BODY_25.index("left_wrist"), BODY_25.index("right_wrist")]


def movement(seconds: float, clap: float, seed: int = 0) -> NDArray[np.float64]:
    """(F, 25, 2) px at 100 frames a second: somebody fidgets, and claps once."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(100 * seconds)) / 100
    body = np.repeat(walk(1), len(times), axis=0)
    for wrist in WRISTS:
        fidget = np.cumsum(rng.normal(0, 1, len(times)))
        fidget = np.convolve(fidget, np.hanning(40) / 20, "same")
        body[:, wrist, 1] += fidget - 90 * np.exp(-np.square((times - clap) / 0.12))
    return body


def seen(
    body: NDArray[np.float64], start: float, step: float, *, scale: float = 1.0, noise: float = 0.5
) -> Iterator[tuple[float, Poses]]:
    """What a camera that was started at `start` s makes of it, with times of its own."""
    # Noise is never the same twice, or it would be what agrees.
    rng = np.random.default_rng([round(1000 * start), round(abs(body[:, 4].sum()))])
    for frame in range(int((len(body) / 100 - start) / step)):
        place = 100 * (start + frame * step)
        low, share = int(place), place % 1
        now = (1 - share) * body[low] + share * body[min(low + 1, len(body) - 1)]
        # From elsewhere: smaller, and squeezed in what is across.
        now = now * (0.3 * scale, scale) + rng.normal(0, noise, now.shape)
        yield frame * step, record(frame, {7: now}).poses


@pytest.mark.parametrize(
    ("start", "step", "scale"), [(1.4, 1 / 30, 0.5), (-0.633, 1 / 30, 1.7), (2.25, 1 / 50, 1.0)]
)
def test_offsets_are_found(start: float, step: float, scale: float) -> None:
    body = movement(20, 5)
    one = wrist_speeds(seen(body, max(-start, 0), 1 / 30))
    other = wrist_speeds(seen(body, max(start, 0), step, scale=scale))
    offset = find_offset(one, other)
    assert offset.seconds == pytest.approx(start, abs=0.01)
    assert offset.correlation > 0.8
    assert find_offset(other, one).seconds == pytest.approx(-start, abs=0.01)


def test_cameras_on_one_clock_are_off_by_little_or_not_at_all() -> None:
    body = movement(20, 5)
    cameras = {
        name: wrist_speeds(seen(body, start, 1 / 30))
        for name, start in (("a", 0.0), ("b", 0.12), ("c", 3.0))
    }
    found = find_offsets(cameras, {"b": 1.0, "c": 1.0})
    assert found["a"].found and found["a"].seconds == 0
    assert found["b"].seconds == pytest.approx(0.12, abs=0.01)
    assert not found["c"].found and found["c"].seconds == 0


def test_out_of_sight_for_a_while() -> None:
    body = movement(20, 5)
    frames = list(seen(body, 0.8, 1 / 30))
    frames[200:300] = [(time, poses[[False]]) for time, poses in frames[200:300]]
    offset = find_offset(wrist_speeds(seen(body, 0, 1 / 30)), wrist_speeds(iter(frames)))
    assert offset.seconds == pytest.approx(0.8, abs=0.01)


def test_other_people_are_not_believed() -> None:
    for seed in range(1, 9):
        one = wrist_speeds(seen(movement(20, 40, seed=seed), 0, 1 / 30))
        other = wrist_speeds(seen(movement(20, 40, seed=-seed % 99), 0, 1 / 30))
        offset = find_offset(one, other)
        assert not offset.found and offset.seconds == 0


def test_walking_alone_looks_alike_at_every_step() -> None:
    body = walk(600)
    frames = [(n / 30, record(n, {1: one}).poses) for n, one in enumerate(body)]
    later = [(time - frames[40][0], poses) for time, poses in frames[40:]]
    assert not find_offset(wrist_speeds(frames), wrist_speeds(later)).found


@pytest.mark.parametrize("skeleton", [COCO_18, MPI_15])
def test_nobody_and_too_little(skeleton: object) -> None:
    whole = wrist_speeds(seen(movement(20, 5), 0, 1 / 30))
    for frames in ([], [(0.0, Poses.empty(skeleton))] * 9, list(seen(movement(20, 5), 19, 0.1))):
        nothing = wrist_speeds(frames)  # type: ignore[arg-type]
        assert not find_offset(whole, nothing).found
        assert find_offset(nothing, whole).seconds == 0
