"""Which colour a limb or a person has."""

from __future__ import annotations

from functools import lru_cache

from openpaf.poses import Poses
from openpaf.skeleton import Skeleton
from openpaf.style import STYLE, Color, hsl, spread_colors


def limb_colors(skeleton: Skeleton, coloring: str) -> tuple[Color, ...]:
    """A colour a limb: by its side, or one of its own."""
    return _hues_around(skeleton) if coloring == "limb" else skeleton.colors


@lru_cache
def _hues_around(skeleton: Skeleton) -> tuple[Color, ...]:
    """Colours around the circle of hues in the order of limbs."""
    drawn = skeleton.drawn_limbs
    colors = dict(zip(drawn, spread_colors([0] * len(drawn)), strict=True))
    return tuple(colors.get(limb, STYLE.others) for limb in range(len(skeleton.limbs)))


def person_colors(poses: Poses, lightness: float = 0.58) -> list[Color]:
    """A colour a person, by id; grey for who has none yet, by place where nobody has."""
    numbers = range(1, len(poses) + 1) if poses.ids is None else poses.ids.tolist()
    return [_person_color(number, lightness) if number >= 0 else STYLE.others for number in numbers]


@lru_cache(1024)
def _person_color(number: int, lightness: float) -> Color:
    # Hues far apart for numbers that follow one another; the page has the same.
    return hsl(number * 137 % 360, 0.75, lightness)
