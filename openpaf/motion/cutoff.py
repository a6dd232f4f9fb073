"""A cut-off by residual analysis: where what a filter leaves and what it takes are least off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.motion.filters import butterworth, butterworth_response, stretches
from openpaf.motion.trail import Trail

Array = NDArray[np.float64]

LEAST, MOST, FALLBACK = 1.5, 12.0, 6.0
"""Hz: the lowest and the highest that is given, and what is taken where nothing can be told."""

_STEP = 0.5
# Rows of a part that are looked at, and seconds that have to be there without a gap.
_LONGEST = 3000
_SECONDS = 2.0


def find_cutoff(trail: Trail, order: int = 4) -> float | None:
    """Find the Butterworth cut-off with the least error that is to be expected, over all parts.

    The residual at the highest cut-off is noise alone, which gives its variance. With it the
    residual at every cut-off tells the error there without the truth being known: R^2 - s^2 + 2 s^2
    h, where h is the share of a frame in its own filtered value (Stein's unbiased risk, Annals of
    Statistics 1981). Winter's straight line through the last residuals looks for the same balance,
    but on thirty frames a second the residual of white noise is no straight line.

    Parameters
    ----------
    trail : Trail
    order : int

    Returns
    -------
    float or None
        Hz, from `LEAST` to `MOST`; None for somebody seen too shortly to tell.
    """
    step = float(np.median(np.diff(trail.times))) if len(trail) > 1 else 1.0
    cutoffs = np.arange(LEAST, min(0.4 / step, MOST) + _STEP / 2, _STEP)
    if len(cutoffs) < 2:
        return None
    risks = []
    for k in range(trail.keypoints.shape[1]):
        runs = stretches(trail.keypoints[:, k, 0], trail.times, step)
        longest = max(runs, key=lambda rows: rows.stop - rows.start, default=slice(0, 0))
        points = trail.keypoints[longest, k][:_LONGEST]
        if len(points) * step >= _SECONDS:
            risks.append(_risks(points, 1 / step, order, cutoffs))
    if not risks:
        return None
    return float(cutoffs[int(np.sum(risks, axis=0).argmin())])


def _risks(points: Array, rate: float, order: int, cutoffs: Array) -> Array:
    """Mean squared error in px^2 to be expected of each cut-off."""
    residuals, passed, own = np.empty((3, len(cutoffs)))
    for n, cutoff in enumerate(cutoffs.tolist()):
        residuals[n] = np.square(points - butterworth(points, rate, cutoff, order)).mean()
        gain = butterworth_response(rate, cutoff, order)
        passed[n], own[n] = np.square(1 - gain).mean(), gain.mean()
    noise = residuals[-1] / passed[-1]
    risks: Array = residuals - noise + 2 * noise * own
    return risks
