"""Read one part's place out of each map: between cells, by the rules of the literature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST = 1e-10
_FURTHEST = 2.0
_NEAR = 2


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """(N, K, h, w) logits to probabilities of the cells of a map and of nowhere, whose logit is 0.

    Those of the cells are returned; what they lack to 1 is nowhere's.
    """
    flat = logits.reshape(*logits.shape[:2], -1).astype(np.float32)
    highest = np.maximum(flat.max(axis=2, keepdims=True), 0)
    powers = np.exp(flat - highest)
    total = powers.sum(axis=2, keepdims=True) + np.exp(-highest)
    result: NDArray[np.float32] = (powers / total).reshape(logits.shape)
    return result


def highest(maps: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """x and y (N, K) of each map's highest cell, and its value."""
    flat = maps.reshape(*maps.shape[:2], -1)
    places = flat.argmax(axis=2)
    peaks = np.take_along_axis(flat, places[..., None], axis=2)[..., 0].astype(np.float64)
    return places % maps.shape[3], places // maps.shape[3], peaks


def quarter(maps: NDArray[Any]) -> tuple[Floats, Floats]:
    """The highest cell, a quarter of a cell towards the higher neighbour, in x and in y.

    Newell et al., "Stacked Hourglass Networks", 2016, section 3.2.

    Parameters
    ----------
    maps : (N, K, h, w) floating point

    Returns
    -------
    cells : (N, K, 2) float64
        x, y.
    peaks : (N, K) float64
    """
    x, y, peaks = highest(maps)
    patches = _patches(maps, x, y, 1)
    offset = np.sign(
        np.stack(
            [patches[..., 1, 2] - patches[..., 1, 0], patches[..., 2, 1] - patches[..., 0, 1]],
            axis=-1,
        )
    )
    cells: Floats = np.stack([x, y], axis=-1).astype(np.float64) + 0.25 * offset
    return cells, peaks


def quadratic(maps: NDArray[Any], blur: int = 0) -> tuple[Floats, Floats]:
    """The top of a quadratic laid through the logarithm of a map about its highest cell.

    Zhang et al., "Distribution-Aware Coordinate Representation" (DARK), 2020, section 3.2. Only the
    cells about the peak are ever smoothed; a peak on the border stays where it is.

    Parameters
    ----------
    maps : (N, K, h, w) floating point
    blur : int
        Side of the Gaussian that smooths a map first, odd; 0 for none.

    Returns
    -------
    cells : (N, K, 2) float64
        x, y.
    peaks : (N, K) float64
        Heights before smoothing.
    """
    x, y, peaks = highest(maps)
    height, width = maps.shape[2:]
    reach = 2 + blur // 2
    patches = _patches(maps, x, y, reach)
    if blur:
        smooth = _smoothing(blur)
        patches = smooth @ patches @ smooth.T
    logs = np.log(np.maximum(patches, _LEAST))
    inside = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    offset = np.where(inside[..., None], _summit(logs), 0.0)
    cells: Floats = np.stack([x, y], axis=-1).astype(np.float64) + offset
    return cells, peaks


def soft_argmax(maps: NDArray[Any]) -> tuple[Floats, Floats]:
    """The mean cell of maps that are probabilities; sums of 0 give the middle.

    Sun et al., "Integral Human Pose Regression", 2018, section 2.

    Parameters
    ----------
    maps : (N, K, h, w) floating point, not negative

    Returns
    -------
    cells : (N, K, 2) float64
        x, y.
    peaks : (N, K) float64
        Share of the map within two cells of its highest.
    """
    height, width = maps.shape[2:]
    across, down = maps.sum(axis=2, dtype=np.float64), maps.sum(axis=3, dtype=np.float64)
    total = np.maximum(across.sum(axis=2), _LEAST)
    cells = np.stack(
        [(across * np.arange(width)).sum(axis=2), (down * np.arange(height)).sum(axis=2)], axis=-1
    )
    found = across.sum(axis=2) > _LEAST
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.where(found[..., None], cells / total[..., None], middle), mass(maps)


def mass(maps: NDArray[Any]) -> Floats:
    """(N, K) what lies within two cells of each map's highest: how sure probabilities are."""
    x, y, _ = highest(maps)
    total: Floats = _patches(maps, x, y, _NEAR).sum(axis=(-2, -1))
    return total


def _patches(maps: NDArray[Any], x: NDArray[np.intp], y: NDArray[np.intp], reach: int) -> Floats:
    """(N, K, 2 reach + 1, 2 reach + 1) cells about places, 0 beyond the map."""
    margin = ((0, 0), (0, 0), (reach, reach), (reach, reach))
    padded = np.pad(maps, margin)
    steps = np.arange(2 * reach + 1)
    n, k = np.ogrid[: maps.shape[0], : maps.shape[1]]
    rows = (y[..., None] + steps)[..., :, None]
    columns = (x[..., None] + steps)[..., None, :]
    return np.asarray(padded[n[..., None, None], k[..., None, None], rows, columns], np.float64)


def _summit(logs: Floats) -> Floats:
    """(..., 2) offset x, y of the top of a quadratic through (..., 5, 5) values."""
    middle = logs[..., 2, 2]
    dx = (logs[..., 2, 3] - logs[..., 2, 1]) / 2
    dy = (logs[..., 3, 2] - logs[..., 1, 2]) / 2
    dxx = (logs[..., 2, 4] - 2 * middle + logs[..., 2, 0]) / 4
    dyy = (logs[..., 4, 2] - 2 * middle + logs[..., 0, 2]) / 4
    dxy = (logs[..., 3, 3] - logs[..., 1, 3] - logs[..., 3, 1] + logs[..., 1, 1]) / 4
    determinant = dxx * dyy - dxy**2
    usable = np.abs(determinant) > 1e-12
    safe = np.where(usable, determinant, 1.0)
    offset = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=-1) / safe[..., None]
    result: Floats = np.clip(np.where(usable[..., None], offset, 0.0), -_FURTHEST, _FURTHEST)
    return result


def _smoothing(side: int) -> Floats:
    """(5, side + 4) weights: the Gaussian about each of the five middle cells."""
    # OpenCV's own width for a Gaussian of this side.
    sigma = 0.3 * ((side - 1) * 0.5 - 1) + 0.8
    taps = np.exp(-((np.arange(side) - side // 2) ** 2) / (2 * sigma**2))
    weights = np.zeros((5, side + 4))
    for row in range(5):
        weights[row, row : row + side] = taps / taps.sum()
    return weights
