"""One frame of a stream with the people found in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.poses import Poses


@dataclass(frozen=True, eq=False, slots=True)
class Result:
    """A frame, who is in it, and when it was taken.

    Parameters
    ----------
    poses : Poses
    frame : (H, W, 3) uint8 BGR
    index : int
        Place in the source, from 0; frames dropped from a live source leave gaps.
    time : float
        Seconds since the first frame: of the video's own clock, or the wall clock when live.
    name : str or None
        What the source calls the frame, such as a picture's file name without suffix.
    image_id : int or None
        A picture's number, for COCO results.
    latency : float
        Seconds from the frame's arrival to this result.
    pixel_aspect : float
        Width of the frame's pixels over their height.
    """

    poses: Poses
    frame: NDArray[np.uint8]
    index: int = 0
    time: float = 0.0
    name: str | None = None
    image_id: int | None = None
    latency: float = 0.0
    pixel_aspect: float = 1.0
