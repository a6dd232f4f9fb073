"""Bootstrap over images: how far a figure would move on other pictures of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_INTERVAL = (2.5, 97.5)

Measure = Callable[[NDArray[np.float64]], Mapping[str, float]]
"""Image weights (I,) to named figures."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % bootstrap interval; NaN where it cannot be computed."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """B minus A on the same resampled images; `p` is the two-sided bootstrap p-value of no gain."""

    a: float
    b: float
    difference: Estimate
    p: float


def image_weights(images: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each image is drawn, (resamples, images), drawing with replacement."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(images, np.full(images, 1 / images), resamples).astype(np.float64)


def bootstrap(
    measure: Measure, images: int, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Percentile intervals of every figure of `measure` (Efron, 1979)."""
    values = measure(np.ones(images))
    drawn = _draw(measure, image_weights(images, resamples, seed), values)
    return {name: Estimate(value, *_interval(drawn[name])) for name, value in values.items()}


def paired_bootstrap(
    a: Measure, b: Measure, images: int, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Difference]:
    """Intervals of B minus A, both measured on the same draws of images.

    Pairing takes out how hard the drawn images are, so that small differences show.
    """
    weights = image_weights(images, resamples, seed)
    values_a, values_b = a(np.ones(images)), b(np.ones(images))
    drawn_a, drawn_b = _draw(a, weights, values_a), _draw(b, weights, values_a)
    return {
        name: Difference(
            values_a[name],
            values_b[name],
            Estimate(values_b[name] - values_a[name], *_interval(drawn_b[name] - drawn_a[name])),
            _p_value(drawn_b[name] - drawn_a[name]),
        )
        for name in values_a
    }


def _draw(
    measure: Measure, weights: NDArray[np.float64], names: Iterable[str]
) -> dict[str, NDArray[np.float64]]:
    rows = [measure(row) for row in weights]
    return {name: np.array([row[name] for row in rows]) for name in names}


def _interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return float("nan"), float("nan")
    low, high = np.percentile(drawn, _INTERVAL)
    return float(low), float(high)


def _p_value(drawn: NDArray[np.float64]) -> float:
    drawn = drawn[np.isfinite(drawn)]
    # The one counted on top keeps a finite number of draws from claiming certainty.
    tail = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return float(min(1.0, 2 * (tail + 1) / (len(drawn) + 1)))
