"""How much later one camera was started than another, by the wrists that both of them see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from openpaf.poses import Poses

Array = NDArray[np.float64]

# An offset is believed from this correlation on, and where the next best one, so many seconds away
# at least, is clearly worse: walking alone looks alike at every step.
_WORTH, _CLEARLY, _AWAY_S = 0.4, 0.7, 0.4
# Heights a second; faster is a mistake of the network.
_FASTEST = 6.0
# Frames a second that speeds are compared at, and the seconds that they are calmed over.
_RATE, _CALM_S = 60.0, 0.04
# Both cameras must have seen so many seconds together, and so much of the shorter recording.
_LEAST_S, _LEAST_SHARE = 2.0, 0.25


class Wrists(NamedTuple):
    """Up-and-down speed of all wrists of a recording."""

    times: Array
    """(F,) seconds."""
    speeds: Array
    """(F,) body heights a second, summed; NaN where nobody's are known."""


class Offset(NamedTuple):
    """What to add to a camera's times to get those of the first one."""

    seconds: float
    """0 where nothing was found."""
    correlation: float
    """1 is the same movement."""
    elsewhere: float = 0.0
    """The next best, weighed by the time in common, as a share of the best."""

    @property
    def found(self) -> bool:
        """Whether it can be relied on."""
        return self.correlation >= _WORTH and self.elsewhere <= _CLEARLY


def wrist_speeds(frames: Iterable[tuple[float, Poses]]) -> Wrists:
    """Speeds of wrists over a recording with ids.

    Up and down looks alike from all sides, to and fro does not (Pose2Sim goes by the same).

    Parameters
    ----------
    frames : iterable of (seconds, Poses)
    """
    times, speeds = [], []
    before: dict[int, Array] = {}
    last = 0.0
    for time, poses in frames:
        now = _wrists(poses)
        steps = [np.abs(now[who] - before[who]) for who in now.keys() & before.keys()]
        moved = np.array(steps) / (time - last) if steps and time > last else np.empty(0)
        moved = moved[np.isfinite(moved) & (moved < _FASTEST)]
        times.append(time)
        speeds.append(float(moved.sum()) if len(moved) else np.nan)
        before, last = now, time
    return Wrists(np.array(times), np.array(speeds))


def find_offsets(cameras: Mapping[str, Wrists], most: Mapping[str, float]) -> dict[str, Offset]:
    """Offset of every camera against the first one.

    Parameters
    ----------
    cameras : mapping of str to Wrists
    most : mapping of str to float
        Seconds that each can be off.
    """
    first, *others = cameras
    offsets = {first: Offset(0.0, 1.0)}
    for name in others:
        offsets[name] = find_offset(cameras[first], cameras[name], most[name])
    return offsets


def find_offset(one: Wrists, other: Wrists, most: float = np.inf) -> Offset:
    """Where the speeds of both recordings are most alike (normalised cross-correlation).

    The square root of the time both have in common weighs in, so that a short agreement at the
    ends does not win by chance.
    """
    a, from_a = _even(one)
    b, from_b = _even(other)
    if a is None or b is None:
        return Offset(0.0, 0.0)
    least = max(_LEAST_S * _RATE, _LEAST_SHARE * min(len(a), len(b)))
    correlation, common = _correlations(a, b)
    # Entry n has b begin n - len(b) + 1 rows after a.
    lags = np.arange(len(correlation)) - (len(b) - 1)
    seconds = lags / _RATE + from_a - from_b
    allowed = (common >= least) & (np.abs(seconds) <= most + 0.5 / _RATE)
    if not allowed.any():
        return Offset(0.0, 0.0)
    worth = np.where(allowed, correlation * np.sqrt(common), -np.inf)
    best = int(worth.argmax())
    far = np.abs(lags - lags[best]) > _AWAY_S * _RATE
    next_best = float(worth[far].max(initial=0.0))
    there = float(seconds[best]) + _between(correlation, best) / _RATE
    offset = Offset(there, float(correlation[best]), next_best / max(float(worth[best]), 1e-9))
    return offset if offset.found else offset._replace(seconds=0.0)


def _wrists(poses: Poses) -> dict[int, Array]:
    """(2,) heights down the frame of everybody's wrists, in body heights, by id."""
    parts = [poses.skeleton.index(f"{side}_wrist") for side in ("left", "right")]
    boxes = poses.boxes.astype(np.float64)
    ids = [] if poses.ids is None else poses.ids.tolist()
    wrists = poses.keypoints[:, parts, 1].astype(np.float64)
    heights = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    return {who: wrists[n] / heights[n] for n, who in enumerate(ids) if who >= 0}


def _even(wrists: Wrists) -> tuple[Array | None, float]:
    """Calmed speeds on an even clock, NaN where there are none, and when it begins."""
    known = np.isfinite(wrists.speeds)
    if known.sum() < 3:
        return None, 0.0
    times, speeds = wrists.times, wrists.speeds
    clock = np.arange(times[0], times[-1], 1 / _RATE)
    even = np.interp(clock, times[known], speeds[known])
    there = np.interp(clock, times, known.astype(float)) > 0.5
    calm = ndimage.gaussian_filter1d(even, _CALM_S * _RATE, mode="nearest")
    return np.where(there, calm, np.nan), float(times[0])


def _correlations(a: Array, b: Array) -> tuple[Array, Array]:
    """Pearson's correlation at every lag over the rows that both know, and how many these are."""
    known_a, known_b = np.isfinite(a).astype(float), np.isfinite(b).astype(float)
    a = np.where(known_a > 0, a - np.nanmean(a), 0.0)
    b = np.where(known_b > 0, b - np.nanmean(b), 0.0)

    def over(x: Array, y: Array) -> Array:
        result: Array = signal.correlate(x, y, "full", "fft")
        return result

    common = np.maximum(over(known_a, known_b).round(), 1.0)
    sum_a, sum_b = over(a, known_b), over(known_a, b)
    spread_a = over(np.square(a), known_b) - np.square(sum_a) / common
    spread_b = over(known_a, np.square(b)) - np.square(sum_b) / common
    together = over(a, b) - sum_a * sum_b / common
    least = 1e-9 * common
    spread = np.sqrt(np.maximum(spread_a, least) * np.maximum(spread_b, least))
    return together / spread, common


def _between(values: Array, best: int) -> float:
    """Where between rows the top of the parabola through three of them is."""
    if not 0 < best < len(values) - 1:
        return 0.0
    before, top, after = values[best - 1 : best + 2]
    bend = before - 2 * top + after
    return 0.0 if bend >= 0 else float(0.5 * (before - after) / bend)
