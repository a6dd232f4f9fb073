"""What bodies look like: how long limbs are and where parts lie, for joining fragments of people.

Lengths are in torso lengths (neck to mid-hip): medians over the people of COCO train2017 that have
at least eight labelled parts. Places are of the second part seen from the first, x to the
person's left (rightwards in a picture of someone facing it), y downwards: median and spread. People
who do not stand or sit upright fit none of this, and are then left as they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.part_names import mirrored
from openpaf.skeleton import Skeleton

_LENGTHS = {
    ("ear", "eye"): 0.17,
    ("ear", "shoulder"): 0.42,
    ("elbow", "shoulder"): 0.55,
    ("elbow", "wrist"): 0.44,
    ("ankle", "knee"): 0.78,
    ("eye", "nose"): 0.10,
    ("hip", "knee"): 0.75,
    ("hip", "neck"): 1.02,
    ("hip", "shoulder"): 1.01,
    ("mid_hip", "neck"): 1.0,
    ("neck", "nose"): 0.41,
    ("neck", "shoulder"): 0.29,
}

# first part, second part, x, y, spread of x, spread of y; once more mirrored where sides differ.
_BRIDGES = (
    ("left_shoulder", "left_hip", -0.04, 1.0, 0.18, 0.15),
    ("left_shoulder", "right_hip", -0.36, 1.0, 0.43, 0.15),
    ("neck", "left_hip", 0.13, 1.0, 0.26, 0.15),
    ("nose", "left_shoulder", 0.30, 0.32, 0.23, 0.13),
    ("neck", "left_shoulder", 0.24, 0.0, 0.18, 0.08),
    ("left_ear", "left_shoulder", 0.14, 0.37, 0.15, 0.10),
    ("right_ear", "left_shoulder", 0.33, 0.37, 0.36, 0.10),
    ("left_hip", "right_hip", -0.32, 0.0, 0.27, 0.08),
    ("left_shoulder", "right_shoulder", -0.47, 0.0, 0.36, 0.10),
    ("neck", "nose", 0.0, -0.33, 0.25, 0.12),
)


class BodyGeometry(NamedTuple):
    """The tables in one skeleton's terms.

    limb_lengths : (L,) float32, 0 where unknown; bridges : (B, 2) int32 part pairs;
    places : (B, 4) float32 x, y and the inverse of their spreads.
    """

    limb_lengths: NDArray[np.float32]
    bridges: NDArray[np.int32]
    places: NDArray[np.float32]

    def without_bridges(self) -> BodyGeometry:
        """The same, but with nothing to join fragments by."""
        return BodyGeometry(self.limb_lengths, self.bridges[:0], self.places[:0])


def _sideless(part: str) -> str:
    return part.removeprefix("left_").removeprefix("right_")


def _limb_length(a: str, b: str) -> float:
    pair = sorted((_sideless(a), _sideless(b)))
    return _LENGTHS.get((pair[0], pair[1]), 0.0)


@lru_cache(maxsize=16)
def body_geometry(skeleton: Skeleton) -> BodyGeometry:
    """Tables of a skeleton; without entries where its parts have other names.

    Of an animal or a thing nothing is known, though it may have shoulders too.
    """
    if not skeleton.is_body:
        return BodyGeometry(
            np.zeros(len(skeleton.limbs), np.float32),
            np.empty((0, 2), np.int32),
            np.empty((0, 4), np.float32),
        )
    lengths = [_limb_length(skeleton.parts[a], skeleton.parts[b]) for a, b in skeleton.limbs]
    known: dict[tuple[int, int], tuple[float, float, float, float]] = {}
    for first, second, x, y, spread_x, spread_y in _BRIDGES:
        for a, b, sign in ((first, second, 1), (mirrored(first), mirrored(second), -1)):
            if a in skeleton.parts and b in skeleton.parts:
                pair = (skeleton.index(a), skeleton.index(b))
                if pair[::-1] not in known:
                    known[pair] = (sign * x, y, 1 / spread_x, 1 / spread_y)
    return BodyGeometry(
        np.array(lengths, np.float32),
        np.array(list(known), np.int32).reshape(-1, 2),
        np.array(list(known.values()), np.float32).reshape(-1, 4),
    )
