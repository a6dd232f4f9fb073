"""Skeletons as data: what the parts are called, which pairs are limbs, what is left and right.

`paf_channels` is the order in which the published models of a skeleton give their PAF channels,
counted from the first PAF channel; inside openpaf PAFs always follow the limb order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import SkeletonError
from openpaf.part_names import body_sigma, pairs_by_name, sigma_by_name
from openpaf.style import limb_color, spread_colors


@dataclass(frozen=True)
class Skeleton:
    """Names and topology of one set of keypoints.

    Attributes
    ----------
    parts : tuple of str
        Part names; a part's index k < K is its place here.
    limbs : tuple of (int, int)
        Ordered part pairs (a, b); a PAF points from a to b.
    paf_channels : tuple of (int, int)
        x and y channel of each limb in published models, from the first PAF channel; left out:
        those of the limbs in their order.
    redundant_limbs : tuple of int
        Limbs outside the tree (ear-shoulder): they never found a person, only fill blanks.
    pairs : tuple of (int, int)
        (left, right) part pairs; left out: those that names pair, such as left_eye and right_eye.
    sigmas : tuple of float
        OKS falloff of each part; left out: COCO's, and 0.072 for parts that are not a person's.
    """

    name: str
    parts: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    paf_channels: tuple[tuple[int, int], ...] = ()
    redundant_limbs: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    sigmas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        usual: dict[str, Any] = {
            "paf_channels": _interleaved(range(0, 2 * len(self.limbs), 2)),
            "pairs": pairs_by_name(self.parts),
            "sigmas": tuple(map(sigma_by_name, self.parts)),
        }
        for key, value in usual.items():
            object.__setattr__(self, key, getattr(self, key) or value)
        self._check()

    def _check(self) -> None:
        if len(set(self.parts)) != len(self.parts):
            raise SkeletonError(f"{self.name}: part names must differ, got {self.parts}")
        ends = [part for limb in self.limbs for part in limb]
        if not all(isinstance(part, (int, np.integer)) for part in ends):
            raise SkeletonError(
                f"{self.name}: limbs are pairs of places in parts, such as (0, 1); those by names "
                "are for TOML, which openpaf.skeleton_table.read_skeleton reads"
            )
        if any(not 0 <= part < len(self.parts) for part in ends):
            raise SkeletonError(f"{self.name}: limbs must index its {len(self.parts)} parts")
        channels = sorted(channel for pair in self.paf_channels for channel in pair)
        if channels != list(range(2 * len(self.limbs))):
            raise SkeletonError(
                f"{self.name}: paf_channels must use 0..{2 * len(self.limbs) - 1} once each"
            )
        paired = [part for pair in self.pairs for part in pair]
        if len(set(paired)) != len(paired) or not set(paired) <= set(range(len(self.parts))):
            raise SkeletonError(f"{self.name}: pairs must index its parts, each at most once")
        falloffs = [sigma > 0 and math.isfinite(sigma) for sigma in self.sigmas]
        if len(falloffs) != len(self.parts) or not all(falloffs):
            raise SkeletonError(f"{self.name}: sigmas must be a number above 0 for each part")

    def index(self, part: str) -> int:
        """Index of a part by name.

        Raises
        ------
        SkeletonError
            When the skeleton has no such part; the message lists those it has.
        """
        try:
            return self._indices[part]
        except KeyError:
            raise SkeletonError(
                f"{self.name} has no part {part!r}; it has {', '.join(self.parts)}"
            ) from None

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {part: index for index, part in enumerate(self.parts)}

    @cached_property
    def flip(self) -> tuple[int, ...]:
        """For each part, the part it becomes in a mirrored frame."""
        others = {left: right for left, right in self.pairs}
        others |= {right: left for left, right in self.pairs}
        return tuple(others.get(k, k) for k in range(len(self.parts)))

    @cached_property
    def flip_limbs(self) -> tuple[tuple[int, int], ...]:
        """For each limb, the limb it is in a mirrored frame, and -1 where it runs backwards.

        Raises
        ------
        SkeletonError
            When a limb has no such limb.
        """
        place = {limb: (index, 1) for index, limb in enumerate(self.limbs)}
        place |= {(b, a): (index, -1) for index, (a, b) in enumerate(self.limbs)}
        mirrored = [(self.flip[a], self.flip[b]) for a, b in self.limbs]
        for (a, b), (c, d) in zip(self.limbs, mirrored, strict=True):
            if (c, d) not in place:
                raise SkeletonError(
                    f"{self.name} has a limb {self.parts[a]} - {self.parts[b]} but none "
                    f"{self.parts[c]} - {self.parts[d]}, so mirrored frames cannot be looked at "
                    "beside others; leave flip out"
                )
        return tuple(place[limb] for limb in mirrored)

    @cached_property
    def is_body(self) -> bool:
        """Whether all parts are those of a person: what is known of bodies holds then."""
        return all(body_sigma(part) is not None for part in self.parts)

    @cached_property
    def colors(self) -> tuple[tuple[int, int, int], ...]:
        """A BGR colour a limb: warm on the person's right, cool on the left, green between."""
        if self.is_body:
            return tuple(limb_color(self.parts[a], self.parts[b]) for a, b in self.limbs)
        sides = [0] * len(self.parts)
        for left, right in self.pairs:
            sides[left], sides[right] = 1, -1
        of_limbs = [{sides[a], sides[b]} - {0} for a, b in self.limbs]
        return spread_colors([next(iter(s)) if len(s) == 1 else 0 for s in of_limbs])

    @cached_property
    def on_head(self) -> tuple[bool, ...]:
        """For each part, whether it is nose, eye or ear, which are close together."""
        return tuple(part.endswith(("nose", "eye", "ear")) for part in self.parts)

    @cached_property
    def drawn_limbs(self) -> tuple[int, ...]:
        """Limbs that pictures show: all but the redundant ones."""
        return tuple(n for n in range(len(self.limbs)) if n not in self.redundant_limbs)

    def restricted(self, parts: Sequence[str]) -> Skeleton:
        """What this skeleton says of some parts, which may be others than its own.

        Parameters
        ----------
        parts : sequence of str
            The parts of the one that is made, in this order.

        Returns
        -------
        Skeleton
            Sides and sigmas of its own parts are kept, and limbs between them.
        """
        place = {self._indices[part]: k for k, part in enumerate(parts) if part in self._indices}

        def kept(of: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
            return tuple((place[a], place[b]) for a, b in of if a in place and b in place)

        made = Skeleton(self.name, tuple(parts), kept(self.limbs), pairs=kept(self.pairs))
        sigmas = list(made.sigmas)
        for own, k in place.items():
            sigmas[k] = self.sigmas[own]
        return replace(made, sigmas=tuple(sigmas))

    def convert(
        self, keypoints: NDArray[np.float32], scores: NDArray[np.float32], target: Skeleton
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rewrite keypoints of this skeleton as keypoints of another.

        Parts are matched by name. A neck or mid-hip the source lacks is the mean of both shoulders
        or hips where both were found, with the lower of their scores. Anything else is missing.

        Parameters
        ----------
        keypoints : (N, K, 2) float32
        scores : (N, K) float32
        target : Skeleton

        Returns
        -------
        keypoints : (N, target K, 2) float32, NaN where missing
        scores : (N, target K) float32, 0 where missing
        """
        count = len(keypoints)
        out = np.full((count, len(target.parts), 2), np.nan, np.float32)
        out_scores = np.zeros((count, len(target.parts)), np.float32)
        for k, part in enumerate(target.parts):
            if part in self._indices:
                out[:, k] = keypoints[:, self._indices[part]]
                out_scores[:, k] = scores[:, self._indices[part]]
            elif part in _MIDPOINTS and all(side in self._indices for side in _MIDPOINTS[part]):
                left, right = (self._indices[side] for side in _MIDPOINTS[part])
                both = np.minimum(scores[:, left], scores[:, right])
                found = both > 0
                out[found, k] = (keypoints[found, left] + keypoints[found, right]) / 2
                out_scores[:, k] = both
        return out, out_scores


_MIDPOINTS = {
    "neck": ("left_shoulder", "right_shoulder"),
    "mid_hip": ("left_hip", "right_hip"),
}


def _interleaved(first: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple((channel, channel + 1) for channel in first)


COCO_17 = Skeleton(
    "COCO_17",
    (
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder",
        "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
        "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    (
        (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7),
        (6, 8), (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
    ),
    _interleaved(list(range(0, 38, 2))),
)  # fmt: skip

COCO_18 = Skeleton(
    "COCO_18",
    (
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
        "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip",
        "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear",
    ),
    (
        (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11),
        (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17),
    ),
    _interleaved([12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26]),
    (17, 18),
)  # fmt: skip

BODY_25 = Skeleton(
    "BODY_25",
    (
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
        "left_elbow", "left_wrist", "mid_hip", "right_hip", "right_knee", "right_ankle",
        "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear",
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe",
        "right_heel",
    ),
    (
        (1, 8), (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11),
        (8, 12), (12, 13), (13, 14), (1, 0), (0, 15), (15, 17), (0, 16), (16, 18), (2, 17),
        (5, 18), (14, 19), (19, 20), (14, 21), (11, 22), (22, 23), (11, 24),
    ),
    _interleaved(
        [
            0, 14, 22, 16, 18, 24, 26, 6, 2, 4, 8, 10, 12, 30, 32, 36, 34, 38, 20, 28, 40, 42,
            44, 46, 48, 50,
        ]
    ),
    (18, 19),
)  # fmt: skip

MPI_15 = Skeleton(
    "MPI_15",
    (
        "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
        "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip",
        "left_knee", "left_ankle", "chest",
    ),
    (
        (0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 14), (14, 8), (8, 9),
        (9, 10), (14, 11), (11, 12), (12, 13),
    ),
    _interleaved(list(range(0, 28, 2))),
)  # fmt: skip


def _chain(first: int, last: int, *, closed: bool = False) -> tuple[tuple[int, int], ...]:
    """Limbs from part to part, and back to the first where closed."""
    steps = tuple((part, part + 1) for part in range(first, last))
    return (*steps, (last, first)) if closed else steps


_FINGERS = ("thumb", "index", "middle", "ring", "little")

# OKS falloffs of hands and faces are those of COCO-WholeBody (Jin et al., 2020).
HAND_21 = Skeleton(
    "HAND_21",
    ("wrist", *(f"{finger}_{joint}" for finger in _FINGERS for joint in range(1, 5))),
    tuple(
        limb for first in range(1, 21, 4) for limb in ((0, first), *_chain(first, first + 3))
    ),
    sigmas=(
        0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024, 0.022, 0.026,
        0.017, 0.021, 0.021, 0.032, 0.020, 0.019, 0.022, 0.031,
    ),
)  # fmt: skip
"""One hand, in OpenPose's order; joints of a finger count from the palm to its tip."""

# Parts of the right side lie at the left of a face that looks at us, and come first. On both sides
# brows and eyes count from the outer corner, so that names pair as places do; eyes go over the top.
FACE_70 = Skeleton(
    "FACE_70",
    (
        *(f"contour_{n}" for n in range(17)),
        *(f"right_brow_{n}" for n in range(5)),
        *(f"left_brow_{n}" for n in reversed(range(5))),
        *(f"nose_{n}" for n in range(9)),
        *(f"right_eye_{n}" for n in range(6)),
        *(f"left_eye_{n}" for n in (3, 2, 1, 0, 5, 4)),
        *(f"outer_lip_{n}" for n in range(12)),
        *(f"inner_lip_{n}" for n in range(8)),
        "right_pupil",
        "left_pupil",
    ),
    (
        *_chain(0, 16), *_chain(17, 21), *_chain(22, 26), *_chain(27, 30), *_chain(31, 35),
        *_chain(36, 41, closed=True), *_chain(42, 47, closed=True), *_chain(48, 59, closed=True),
        *_chain(60, 67, closed=True),
    ),
    pairs=(
        *((16 - n, n) for n in range(8)),
        *((26 - n, 17 + n) for n in range(5)),
        (35, 31), (34, 32),
        (45, 36), (44, 37), (43, 38), (42, 39), (47, 40), (46, 41),
        (54, 48), (53, 49), (52, 50), (55, 59), (56, 58),
        (64, 60), (63, 61), (65, 67),
        (69, 68),
    ),
    sigmas=(
        0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020, 0.023, 0.029, 0.032, 0.037,
        0.038, 0.043, 0.041, 0.045, 0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013,
        0.015, 0.009, 0.007, 0.007, 0.007, 0.012, 0.009, 0.008, 0.016, 0.010, 0.017, 0.011, 0.009,
        0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.010, 0.034, 0.008, 0.008, 0.009, 0.008,
        0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007, 0.007, 0.008, 0.011, 0.008, 0.008,
        0.008, 0.010, 0.008,
        # It has no pupils: as exact as the lids.
        0.010, 0.010,
    ),
)  # fmt: skip
"""One face, in OpenPose's order: the 68 points of iBUG's 300-W, and the pupils."""

BODIES = {skeleton.name: skeleton for skeleton in (COCO_17, COCO_18, BODY_25, MPI_15)}
"""Every built-in skeleton of a person's body by name."""

SKELETONS = BODIES | {skeleton.name: skeleton for skeleton in (HAND_21, FACE_70)}
"""Every built-in skeleton by name."""


def is_built_in(skeleton: Skeleton) -> bool:
    """Whether its name alone says all of it."""
    return SKELETONS.get(skeleton.name) == skeleton
