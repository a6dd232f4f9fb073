"""Who stays where there are more people than are wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder.config import DecoderConfig, Keep
from openpaf.person import extents
from openpaf.poses import Poses


def kept(poses: Poses, config: DecoderConfig, size: tuple[int, int]) -> Poses:
    """At most `config.max_people` of them, in the order they came in.

    Parameters
    ----------
    poses : Poses
    config : DecoderConfig
    size : (width, height)
        Of what the coordinates are px of: the frame, or the net input.
    """
    most = config.max_people
    if most is None or len(poses) <= most:
        return poses
    rank = _rank(poses, config.keep, size)
    return poses[np.sort(np.argsort(rank, kind="stable")[:most])]


def _rank(poses: Poses, keep: Keep, size: tuple[int, int]) -> NDArray[np.float32]:
    """(N,) the lower, the sooner somebody stays."""
    if keep == "score":
        return -poses.person_scores
    boxes = poses.boxes
    if keep == "largest":
        return -extents(boxes)
    middle = (np.array(size, np.float32) - 1) / 2
    away: NDArray[np.float32] = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - middle, axis=1)
    return away
