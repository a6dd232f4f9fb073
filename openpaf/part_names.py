"""What the names of parts say: which side they are on, and how exactly people label them."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Keypoint falloff of COCO's OKS; the last rows are not COCO's: they follow the spread of the same
# joint where other data sets label it.
_SIGMAS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089,
    "neck": 0.079, "mid_hip": 0.107, "chest": 0.107, "head_top": 0.026,
}  # fmt: skip
_FOOT_SIGMAS = {
    "left_big_toe": 0.068, "left_small_toe": 0.066, "left_heel": 0.066,
    "right_big_toe": 0.092, "right_small_toe": 0.094, "right_heel": 0.094,
}  # fmt: skip
# The median of COCO's, for parts that are not a person's.
_OTHER_SIGMA = 0.072

# The words themselves, or l and r where they stand alone.
_SIDE = re.compile(r"left|right|(?<![^\W_])[lr](?![^\W_])", re.IGNORECASE)
_OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}


def body_sigma(part: str) -> float | None:
    """OKS falloff of a part of a person's body; None of any other."""
    sideless = part.removeprefix("left_").removeprefix("right_")
    return _FOOT_SIGMAS.get(part, _SIGMAS.get(sideless))


def sigma_by_name(part: str) -> float:
    """OKS falloff of any part."""
    return body_sigma(part) or _OTHER_SIGMA


def mirrored(part: str) -> str:
    """Name of a part in a mirrored frame: left_eye is right_eye, "L paw" is "R paw"."""
    return _SIDE.sub(_other_side, part, count=1)


def _other_side(side: re.Match[str]) -> str:
    word = side[0]
    other = _OTHER_SIDE[word.lower()]
    return other.upper() if word.isupper() else other.title() if word.istitle() else other


def pairs_by_name(parts: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """(left, right) part pairs, in the order of the left ones."""
    places = {part: k for k, part in enumerate(parts)}
    return tuple(
        (k, places[mirrored(part)])
        for k, part in enumerate(parts)
        if _is_left(part) and mirrored(part) in places
    )


def _is_left(part: str) -> bool:
    side = _SIDE.search(part)
    return side is not None and side[0].lower() in ("left", "l")
