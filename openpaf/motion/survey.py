"""The first reading of a recording: who is there, when, how large, and how they come and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from openpaf.motion.records import Record
from openpaf.skeleton import Skeleton

# Sightings at each end of a stay that tell where somebody came from and went to.
_ENDS = 8
# Steps between frames that tell the frame rate.
_STEPS = 2000
# Body heights kept a person, of every so many frames; every second one goes when there are more.
_HEIGHTS, _HEIGHT_FRAMES = 512, 4


@dataclass
class Stay:
    """Somebody under one id, from the first sighting to the last.

    Attributes
    ----------
    id : int
    seen : int
    first_frames, last_frames : list of (time, (K, 2) keypoints)
        The first and the last few sightings.
    area, off_centre, inside : float
        Sums over sightings: px of the box, px from the frame's middle, and how often in the box
        that was asked for.
    limb_lengths : (L,) float64
        Sums over `limb_counts` sightings.
    heights : list of float
        px of shanks, thighs and trunks together.
    """

    id: int
    limb_lengths: NDArray[np.float64]
    limb_counts: NDArray[np.int64]
    seen: int = 0
    first_frames: list[tuple[float, NDArray[np.float32]]] = field(default_factory=list)
    last_frames: list[tuple[float, NDArray[np.float32]]] = field(default_factory=list)
    area: float = 0.0
    off_centre: float = 0.0
    inside: float = 0.0
    heights: list[float] = field(default_factory=list)
    every: int = 1
    passed: int = 0

    @property
    def first(self) -> float:
        """Seconds."""
        return self.first_frames[0][0]

    @property
    def last(self) -> float:
        """Seconds."""
        return self.last_frames[-1][0]


@dataclass
class Survey:
    """Everybody's stay, and the clock of the recording."""

    stays: dict[int, Stay]
    frames: int
    step: float
    frame_step: int
    skeleton: Skeleton | None
    frame_size: tuple[int, int] | None = None

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return 1 / self.step


def survey(
    records: Iterator[Record], box: tuple[float, float, float, float] | None = None
) -> Survey:
    """Read everything once; memory grows with the number of ids only.

    Parameters
    ----------
    records : iterator of Record
        With ids.
    box : (x0, y0, x1, y1), optional
        px, in which sightings are counted.
    """
    stays: dict[int, Stay] = {}
    clock: list[tuple[float, int]] = []
    frames = 0
    skeleton: Skeleton | None = None
    frame_size: tuple[int, int] | None = None
    for record in records:
        frames += 1
        frame_size = frame_size or record.poses.frame_size
        if len(clock) < _STEPS:
            clock.append((record.time, record.frame))
        if len(record.poses):
            skeleton = skeleton or record.poses.skeleton
            _note(stays, record, skeleton, box, measured=frames % _HEIGHT_FRAMES == 1)
    step, frame_step = _steps(clock)
    return Survey(stays, frames, step, frame_step, skeleton, frame_size)


def _steps(clock: list[tuple[float, int]]) -> tuple[float, int]:
    """Usual step in seconds and in frame numbers: those of one frame after the other."""
    if len(clock) < 2:
        return 1 / 30, 1
    times = np.diff([time for time, _ in clock])
    numbers = np.diff([frame for _, frame in clock])
    values, counts = np.unique(numbers, return_counts=True)
    usual = int(values[counts.argmax()])
    return float(np.median(times[numbers == usual])), usual


def _note(
    stays: dict[int, Stay],
    record: Record,
    skeleton: Skeleton,
    box: tuple[float, float, float, float] | None,
    measured: bool,
) -> None:
    poses = record.poses
    limbs = np.array(skeleton.limbs)
    ways = poses.keypoints[:, limbs[:, 0]] - poses.keypoints[:, limbs[:, 1]]
    lengths = np.hypot(ways[..., 0], ways[..., 1])
    heights = body_height(poses.keypoints, skeleton) if measured else None
    boxes = poses.boxes.astype(np.float64)
    sizes = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    middle = np.array(poses.frame_size or (0, 0)) / 2
    away = np.linalg.norm(centres - middle, axis=1)
    ids = [] if poses.ids is None else poses.ids.tolist()
    for n, who in enumerate(ids):
        if not np.isfinite(boxes[n]).all():
            continue
        stay = stays.get(who)
        if stay is None:
            none = np.zeros(len(limbs))
            stay = stays[who] = Stay(who, none, none.astype(np.int64))
        known = np.isfinite(lengths[n])
        stay.limb_lengths[known] += lengths[n, known]
        stay.limb_counts[known] += 1
        stay.area += float(sizes[n])
        stay.off_centre += float(away[n])
        if box is not None:
            x, y = centres[n]
            stay.inside += box[0] <= x <= box[2] and box[1] <= y <= box[3]
        if heights is not None and np.isfinite(heights[n]):
            _add_height(stay, float(heights[n]))
        sighting = (record.time, poses.keypoints[n])
        if len(stay.first_frames) < _ENDS:
            stay.first_frames.append(sighting)
        stay.last_frames = [*stay.last_frames[1 - _ENDS :], sighting]
        stay.seen += 1


def _add_height(stay: Stay, height: float) -> None:
    stay.passed += 1
    if stay.passed % stay.every:
        return
    stay.heights.append(height)
    if len(stay.heights) > _HEIGHTS:
        stay.heights = stay.heights[::2]
        stay.every *= 2


def body_height(keypoints: NDArray[np.floating], skeleton: Skeleton) -> NDArray[np.float64]:
    """Body heights in px from shank, thigh and trunk, NaN where one of them was not found.

    From ankle to shoulder is 0.779 of a body's height (Drillis and Contini: 0.818 less 0.039). The
    longer one of left and right counts, as it is the less foreshortened.

    Parameters
    ----------
    keypoints : (N, K, 2)
    skeleton : Skeleton
    """
    parts = [[f"{side}_{part}" for part in _CHAIN] for side in ("left", "right")]
    if any(part not in skeleton.parts for chain in parts for part in chain):
        return np.full(len(keypoints), np.nan)
    chains = [keypoints[:, [skeleton.index(part) for part in chain]] for chain in parts]
    total = np.zeros(len(keypoints))
    for a, b in pairwise(range(len(_CHAIN) - 1)):
        ways = np.stack([chain[:, a] - chain[:, b] for chain in chains])
        total += np.fmax.reduce(np.hypot(ways[..., 0], ways[..., 1]), axis=0)
    trunk = np.mean([chain[:, 2] - chain[:, 3] for chain in chains], axis=0)
    height: NDArray[np.float64] = (total + np.hypot(trunk[:, 0], trunk[:, 1])) / _SHARE
    return height


_CHAIN = ("ankle", "knee", "hip", "shoulder")
_SHARE = 0.818 - 0.039
