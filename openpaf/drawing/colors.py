"""Which colour a limb or a person has."""

from __future__ import annotations

from functools import lru_cache

from openpaf.poses import Poses
from openpaf.skeleton import FACE_70, HAND_21, Skeleton
from openpaf.style import STYLE, Color, hsl, spread_colors


def limb_colors(skeleton: Skeleton, coloring: str) -> tuple[Color, ...]:
    """A colour a limb: by its side, or one of its own; a finger's and a face's are alike."""
    if skeleton in (HAND_21, FACE_70):
        return _of_small_parts(skeleton)
    return _hues_around(skeleton) if coloring == "limb" else skeleton.colors


@lru_cache
def _hues_around(skeleton: Skeleton) -> tuple[Color, ...]:
    """Colours around the circle of hues in the order of limbs."""
    drawn = skeleton.drawn_limbs
    colors = dict(zip(drawn, spread_colors([0] * len(drawn)), strict=True))
    return tuple(colors.get(limb, STYLE.others) for limb in range(len(skeleton.limbs)))


@lru_cache
def _of_small_parts(skeleton: Skeleton) -> tuple[Color, ...]:
    """A hue a finger; one pale colour for outlines of a face, which lie close together."""
    if skeleton == FACE_70:
        return (STYLE.part,) * len(skeleton.limbs)
    fingers = [skeleton.parts[b].rpartition("_")[0] for _, b in skeleton.limbs]
    names = list(dict.fromkeys(fingers))
    hues = dict(zip(names, spread_colors([0] * len(names)), strict=True))
    return tuple(hues[finger] for finger in fingers)


def person_colors(poses: Poses, lightness: float = 0.58) -> list[Color]:
    """A colour a person, by id; grey for who has none yet, by place where nobody has."""
    numbers = range(1, len(poses) + 1) if poses.ids is None else poses.ids.tolist()
    return [_person_color(number, lightness) if number >= 0 else STYLE.others for number in numbers]


@lru_cache(1024)
def _person_color(number: int, lightness: float) -> Color:
    # Hues far apart for numbers that follow one another; the page has the same.
    return hsl(number * 137 % 360, 0.75, lightness)
