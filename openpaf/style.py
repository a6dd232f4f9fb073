"""How people look when they are drawn: on frames, in the gallery of failures, and in the page."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

Color = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""


@dataclass(frozen=True)
class Style:
    """Colours, and sizes in px or as shares.

    Attributes
    ----------
    part, text, outline, truth, others : Color
        Of a part's dot, of writing, of the edge around both, of what is annotated, and of people
        that are not in question.
    bodies_a_line : float
        Longer sides of a person's box over the width of a limb's line.
    hands_a_line, faces_a_line : float
        Longer sides of a hand's or a face's box over the width of its lines.
    head : float
        What is taken of that width on the head, whose parts are close together.
    dot, smallest_dot : float
        Radius of a part's dot in line widths, and the smallest, px.
    box : float
        Width of a box's line in line widths.
    bodies_a_letter : float
        Size of letters over the longer side of a person's box.
    smallest_letters, smallest_letters_here, largest_letters : float
        Px at least; and at least and at most in a picture with 640 px on its longer side, more in a
        larger one.
    faintest : float
        Opacity of a limb that is not sure at all; 1 for one that is.
    """

    part: Color = (245, 245, 245)
    text: Color = (255, 255, 255)
    outline: Color = (0, 0, 0)
    truth: Color = (255, 255, 255)
    others: Color = (150, 150, 150)
    bodies_a_line: float = 60.0
    hands_a_line: float = 40.0
    faces_a_line: float = 90.0
    head: float = 0.5
    dot: float = 0.7
    smallest_dot: float = 0.5
    box: float = 0.5
    bodies_a_letter: float = 0.1
    smallest_letters: float = 10.0
    smallest_letters_here: float = 7.0
    largest_letters: float = 13.0
    faintest: float = 0.45


STYLE = Style()


def css(color: Color) -> str:
    """A colour as pages write it, `#rrggbb`."""
    blue, green, red = color
    return f"#{red:02x}{green:02x}{blue:02x}"


def hsl(hue: float, saturation: float, lightness: float) -> Color:
    """A colour by its hue, degrees, and two shares, as pages name them."""
    red, green, blue = colorsys.hls_to_rgb(hue / 360, lightness, saturation)
    return (round(255 * blue), round(255 * green), round(255 * red))


_RIGHT_COLORS: dict[str, Color] = {
    "arm": (0, 128, 255),
    "leg": (60, 60, 240),
    "head": (120, 170, 255),
}
_LEFT_COLORS: dict[str, Color] = {
    "arm": (255, 170, 0),
    "leg": (255, 90, 60),
    "head": (255, 210, 120),
}
_MIDDLE_COLOR: Color = (110, 220, 70)


def limb_color(a: str, b: str) -> Color:
    """Colour of the limb between two parts: warm on the person's right, cool on the left."""
    names = a + b
    if "shoulder" in names and "ear" not in names or "elbow" in names:
        region = "arm"
    elif "eye" in names or "ear" in names:
        region = "head"
    else:
        region = "leg"
    right, left = "right_" in names, "left_" in names
    if right == left:
        return _MIDDLE_COLOR
    return _RIGHT_COLORS[region] if right else _LEFT_COLORS[region]


# Hues in degrees, from and to: of the right (-1), the middle (0) and the left (1).
_HUES = {-1: (-20, 50), 0: (85, 165), 1: (185, 290)}
_ALL_HUES = (0, 320)


def spread_colors(sides: Sequence[int]) -> tuple[Color, ...]:
    """A colour a limb, as far apart as its side has room: warm right, cool left, green between.

    Parameters
    ----------
    sides : sequence of int
        Of each limb: 1 left, -1 right, 0 neither; where all are 0, every hue is used.
    """
    places = [sides[:n].count(side) for n, side in enumerate(sides)]
    colors = []
    for place, side in zip(places, sides, strict=True):
        low, high = _HUES[side] if any(sides) else _ALL_HUES
        hue = low + (high - low) * (place + 0.5) / sides.count(side)
        red, green, blue = colorsys.hsv_to_rgb(hue / 360 % 1, 0.75, 1.0)
        colors.append((round(255 * blue), round(255 * green), round(255 * red)))
    return tuple(colors)
