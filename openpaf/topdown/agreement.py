"""Two looks at the same people, made one: mixed where they agree, the first where they do not.

How near two places are is judged as OKS judges it: by the falloff of the part and the size of the
person. The constants were chosen on people of COCO val2017 that the default network found, with
PP-TinyPose as the second look.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEAR = 0.5
"""Similarity from which the two places of a part are taken for the same and mixed."""

WINDOW_SHARE = 0.7
"""Weight of the second look where both are mixed; the first is worth the rest."""

SOMEBODY_ELSE = 0.1
"""Agreement of a person below which the window is thought to have found somebody else."""

NOT_SEEN = 0.1
"""Score of a part below which the window is thought not to show it."""

DOUBT = 0.5
"""Factor on the score of people that are not looked at again: what an ordinary agreement costs."""

_GROWN = 1.44
_CLEAR = 0.2


class People(NamedTuple):
    """N people: keypoints (N, K, 2) with NaN and scores (N, K) with 0 where a part is missing."""

    keypoints: Floats
    scores: Floats
    person_scores: Floats


def mix(first: People, second: People, boxes: Floats, sigmas: tuple[float, ...]) -> People:
    """Mix what two looks saw of the same N people.

    Parameters
    ----------
    first, second : People
        Of the second, `person_scores` are not used.
    boxes : (N, 4) float64
        Around the parts that the first look found, frame px.
    sigmas : (K,) float
        OKS falloff of each part.

    Returns
    -------
    People
        Scores of parts are the second look's. The score of a person is the first look's times the
        agreement and the mean score of the parts that the second sees clearly. A person whose
        window shows somebody else keeps the first look, with a score as low as the agreement.
    """
    alike = similarity(first, second, boxes, sigmas)
    seen_first, seen = first.scores > 0, second.scores >= NOT_SEEN
    agreement = (alike * seen_first).sum(axis=1) / np.maximum(seen_first.sum(axis=1), 1)
    near = (alike >= NEAR) & seen_first
    share = np.where(near, WINDOW_SHARE, 1.0)[..., None]
    places = share * second.keypoints + (1 - share) * np.nan_to_num(first.keypoints)
    # What the second look does not see at all, the first is believed about.
    kept = ~seen & seen_first
    places = np.where(kept[..., None], first.keypoints, places)
    scores = np.where(kept, np.minimum(first.scores, NOT_SEEN), np.where(seen, second.scores, 0))
    places[scores == 0] = np.nan
    clear = second.scores > _CLEAR
    sureness = (second.scores * clear).sum(axis=1) / np.maximum(clear.sum(axis=1), 1)
    other = (agreement < SOMEBODY_ELSE) | ~clear.any(axis=1)
    return People(
        np.where(other[:, None, None], first.keypoints, places),
        np.where(other[:, None], first.scores, scores),
        first.person_scores * np.where(other, SOMEBODY_ELSE * DOUBT, agreement * sureness),
    )


def similarity(first: People, second: People, boxes: Floats, sigmas: tuple[float, ...]) -> Floats:
    """(N, K) OKS of each part between two looks, 0 where either has none."""
    extent = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    area = _GROWN * extent.prod(axis=1)
    apart = ((first.keypoints - second.keypoints) ** 2).sum(axis=2)
    falloff = 2 * (2 * np.array(sigmas)) ** 2 * area[:, None]
    alike: Floats = np.nan_to_num(np.exp(-apart / falloff))
    return alike
