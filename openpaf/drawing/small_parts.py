"""Hands and faces: thin lines and small dots that follow the size of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.drawing.config import DrawConfig
from openpaf.drawing.limbs import draw_limbs, draw_parts, fixed
from openpaf.part_set import PartSet
from openpaf.person import extents
from openpaf.poses import Poses
from openpaf.style import STYLE


def draw_small_parts(canvas: NDArray[np.uint8], poses: Poses, config: DrawConfig) -> None:
    """Every hand and face that was found, a colour a finger."""
    for name, part_set in poses.part_sets.items():
        small = _as_people(part_set, poses)
        if not len(small):
            continue
        sizes = np.minimum(extents(small.boxes), max(canvas.shape))
        widest = np.inf if config.line_width is None else config.line_width
        lines = STYLE.hands_a_line if name == "hands" else STYLE.faces_a_line
        widths = np.minimum(sizes / lines, widest).tolist()
        places = fixed(small.keypoints)
        draw_limbs(canvas, small, places, widths, config.color)
        draw_parts(canvas, small, places, widths)


def _as_people(part_set: PartSet, poses: Poses) -> Poses:
    """Those that were found as if each were a person, with the id of whose it is."""
    there = part_set.presence > 0
    person = np.argwhere(there)[:, 0]
    numbers = np.arange(1, len(poses) + 1) if poses.ids is None else poses.ids
    return Poses(
        part_set.keypoints[there],
        part_set.scores[there],
        part_set.presence[there],
        part_set.skeleton,
        numbers[person],
    )
