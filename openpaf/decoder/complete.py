"""Look for missing parts where the parts found let one expect them, for who needs all of everyone.

The Gaussian of body shapes times the confidence map; where the map says nothing the part lies where
bodies have it on average. Most of such parts are hidden or outside the frame, and their scores say
how seldom they are right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder.bodies import bodies
from openpaf.fields import Fields

Float32 = NDArray[np.float32]
Floats = NDArray[np.float64]

# Confidence that a silent map is taken for; .0003 to .03 give the same AP within .002.
_SILENT = 0.003
# Log odds of a part that is put in: a constant, the logarithm of the peak of map times Gaussian,
# and the log odds of the person; fitted on 146 pictures of COCO train (error in five bins 0.02).
_PART = (0.1, 0.7, 0.8)
_TINY = 1e-4


def complete(
    keypoints: Float32, scores: Float32, person_scores: Float32, fields: Fields
) -> tuple[Float32, Float32]:
    """Put in what is missing of people, in net px.

    Parameters
    ----------
    keypoints : (N, K, 2) float32, net px, NaN where missing
    scores : (N, K) float32, 0 where missing
    person_scores : (N,) float32
    fields : Fields

    Returns
    -------
    keypoints, scores
        Copies. What is expected outside the net input stays missing.
    """
    keypoints, scores = keypoints.copy(), scores.copy()
    shapes = bodies(fields.skeleton)
    half = (fields.stride - 1) / 2
    for n, person_score in enumerate(person_scores):
        expected = shapes.expect((keypoints[n].astype(np.float64) - half) / fields.stride)
        if expected is None:
            continue
        sure = np.clip(float(person_score), _TINY, 1 - _TINY)
        person_odds = np.log(sure / (1 - sure))
        for k in np.flatnonzero((scores[n] == 0) & shapes.known):
            cell, peak = _best(fields.confidence_maps[k], expected[0][k], expected[1][k])
            if peak > 0:
                keypoints[n, k] = cell * fields.stride + half
                odds = _PART[0] + _PART[1] * np.log(peak) + _PART[2] * person_odds
                scores[n, k] = 1 / (1 + np.exp(-odds))
    return keypoints, scores


def _best(confidence_map: Float32, mean: Floats, deviation: Floats) -> tuple[Floats, float]:
    """Cell (x, y) where map times Gaussian is highest, between cells, and how high; 0 outside."""
    h, w = confidence_map.shape
    if not (-0.5 <= mean[0] <= w - 0.5 and -0.5 <= mean[1] <= h - 0.5):
        return mean, 0.0
    across = np.exp(-(((np.arange(w) - mean[0]) / deviation[0]) ** 2) / 2)
    down = np.exp(-(((np.arange(h) - mean[1]) / deviation[1]) ** 2) / 2)
    likely = np.maximum(confidence_map, _SILENT) * down[:, None] * across
    y, x = np.unravel_index(int(likely.argmax()), likely.shape)
    rows, columns = slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)
    near = likely[rows, columns]
    centre = np.array(
        [
            (near.sum(axis=0) * np.arange(w)[columns]).sum(),
            (near.sum(axis=1) * np.arange(h)[rows]).sum(),
        ]
    )
    return centre / near.sum(), float(likely[y, x])
