"""Smoothing in time without a shift, stretch by stretch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from openpaf.motion.config import SmoothConfig
from openpaf.motion.trail import Trail

Array = NDArray[np.float64]
_Filter = Callable[[Array, float], Array]
# Longest step between frames, in usual steps, that a stretch goes on across.
_UNBROKEN = 1.5


def smooth_trail(trail: Trail, config: SmoothConfig, cutoff: float) -> Trail:
    """Filter every keypoint's course between its gaps.

    Frames at uneven times are put on an even clock for it and taken back.

    Parameters
    ----------
    trail : Trail
    config : SmoothConfig
    cutoff : float
        Hz.
    """
    if config.filter == "none" or len(trail) < 3:
        return trail
    step = float(np.median(np.diff(trail.times)))

    def filtered(values: Array, step: float) -> Array:
        return apply(values, step, config, cutoff)

    keypoints = trail.keypoints.copy()
    for k in range(keypoints.shape[1]):
        for rows in stretches(keypoints[:, k, 0], trail.times, step):
            keypoints[rows, k] = _even(keypoints[rows, k], trail.times[rows], step, filtered)
    return trail.with_keypoints(keypoints)


def stretches(values: Array, times: Array, step: float) -> list[slice]:
    """Runs of rows with a value and without a break in time."""
    there = np.isfinite(values)
    goes_on = there[1:] & there[:-1] & (np.diff(times) <= _UNBROKEN * step)
    starts = np.flatnonzero(there & ~np.concatenate([[False], goes_on]))
    ends = np.flatnonzero(there & ~np.concatenate([goes_on, [False]]))
    return [slice(a, b + 1) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]


def apply(values: Array, step: float, config: SmoothConfig, cutoff: float) -> Array:
    """Filter (T, C) values at an even step in seconds; what is too short stays as it is."""
    rate = 1 / step
    if config.filter == "butterworth":
        return butterworth(values, rate, cutoff, config.order)
    if config.filter == "gaussian":
        # exp(-(2 pi f s)^2 / 2) is the square root of a half at the cut-off.
        sigma = np.sqrt(np.log(2)) / (2 * np.pi * cutoff) * rate
        return ndimage.gaussian_filter1d(values, sigma, axis=0, mode="nearest")
    size = max(3, int(config.window * rate) // 2 * 2 + 1)
    if config.filter == "median":
        return ndimage.median_filter(values, size=(size, 1), mode="nearest")
    return loess(values, size)


def butterworth(values: Array, rate: float, cutoff: float, order: int) -> Array:
    """Butterworth there and back: no shift, half the power at the cut-off, in Hz like the rate."""
    once = _once(rate, cutoff, order)
    if once is None or len(values) < 4:
        return values
    padding = min(len(values) - 1, int(3 * rate / cutoff) + 1)
    filtered: Array = signal.sosfiltfilt(once, values, axis=0, padlen=padding)
    return filtered


def butterworth_response(rate: float, cutoff: float, order: int) -> Array:
    """Gain of `butterworth` at even frequencies from 0 to half the rate."""
    once = _once(rate, cutoff, order)
    if once is None:
        return np.ones(256)
    return np.square(np.abs(signal.sosfreqz(once, 256)[1]))


def _once(rate: float, cutoff: float, order: int) -> Array | None:
    """Sections of the filter for one way; None where the cut-off is beyond what the rate has.

    Two passes let a quarter through at the cut-off of one, so that one is moved up (Winter).
    """
    if cutoff >= 0.49 * rate:
        return None
    half = order // 2
    moved = np.tan(np.pi * cutoff / rate) / (np.sqrt(2) - 1) ** (1 / (2 * half))
    corrected = np.arctan(moved) / np.pi * rate
    if corrected >= 0.499 * rate:
        return None
    sections: Array = signal.butter(half, corrected, fs=rate, output="sos")
    return sections


def loess(values: Array, size: int) -> Array:
    """Local regression: a parabola through each window, weighted by Cleveland's tricube."""
    if len(values) < 4:
        return values
    half = min(size // 2, len(values) - 1)
    places = np.arange(-half, half + 1)
    weights = np.sqrt((1 - np.abs(places / (half + 1)) ** 3) ** 3)
    powers = np.vander(places, min(3, len(places)), increasing=True)
    kernel = np.linalg.pinv(powers * weights[:, None])[0] * weights
    # As filtfilt does: ends are mirrored at their last point, which keeps their slope.
    padded = np.concatenate(
        [2 * values[0] - values[half:0:-1], values, 2 * values[-1] - values[-2 : -half - 2 : -1]]
    )
    return ndimage.correlate1d(padded, kernel, axis=0)[half : half + len(values)]


def _even(values: Array, times: Array, step: float, filtered: _Filter) -> Array:
    """Filter on an even clock, whatever the times are."""
    if len(values) < 3:
        return values
    if np.abs(np.diff(times) - step).max() < 0.1 * step:
        return filtered(values, step)
    clock = np.arange(times[0], times[-1] + step, step)
    evened = np.stack([np.interp(clock, times, column) for column in values.T], axis=1)
    smooth = filtered(evened, step)
    return np.stack([np.interp(times, clock, column) for column in smooth.T], axis=1)
