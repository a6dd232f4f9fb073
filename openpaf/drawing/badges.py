"""Small signs above people's heads, as the page has them, and the frame rate in the corner."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from openpaf.drawing.colors import person_colors
from openpaf.drawing.config import DrawConfig
from openpaf.drawing.limbs import SHIFT
from openpaf.optional import cv2
from openpaf.poses import Poses
from openpaf.style import STYLE, Color

# The page's proportions, in sizes of its letters.
_HEIGHT, _PADDING, _CORNER, _ABOVE = 1.36, 0.36, 0.36, 0.73
_SCALE = 1 / 29  # of OpenCV's letters, whose capitals are 21 px high at 1
_BOLD = 1 / 9


def draw_badges(
    canvas: NDArray[np.uint8], poses: Poses, sizes: list[float], config: DrawConfig
) -> None:
    """Ids and scores, as far as they are wanted, above everyone's topmost part."""
    with_ids = config.ids and poses.ids is not None
    numbers = [-1] * len(poses) if poses.ids is None else poses.ids.tolist()
    heights = np.where(poses.scores > 0, poses.keypoints[..., 1], np.inf)
    tops = heights.argmin(axis=1).tolist()
    colors = person_colors(poses, lightness=0.4)
    for n, (number, score) in enumerate(zip(numbers, poses.person_scores.tolist(), strict=True)):
        words = [str(number)] if with_ids and number >= 0 else []
        words += [f"{score:.2f}"] if config.labels else []
        if words and poses.scores[n, tops[n]] > 0:
            x, y = poses.keypoints[n, tops[n]].tolist()
            _draw_badge(canvas, " ".join(words), (x, y), _letters(canvas, sizes[n]), colors[n])


def draw_rate(canvas: NDArray[np.uint8], fps: float) -> None:
    """Frames a second, white with a dark rim, readable on anything."""
    px = max(_unit(canvas) * STYLE.largest_letters, STYLE.smallest_letters)
    place = (round(0.5 * px), round(1.3 * px))
    bold = max(round(_BOLD * px), 1)
    for color, width in ((STYLE.outline, 3 * bold), (STYLE.text, bold)):
        cv2.putText(
            canvas, f"{fps:.1f} frames/s", place, cv2.FONT_HERSHEY_SIMPLEX, _SCALE * px, color,
            width, cv2.LINE_AA,
        )  # fmt: skip


def _unit(canvas: NDArray[np.uint8]) -> float:
    height, width = canvas.shape[:2]
    return float(max(height, width)) / 640


def _letters(canvas: NDArray[np.uint8], size: float) -> int:
    """Size of letters, px: by the person's, within what can be read and hides nobody."""
    unit = _unit(canvas)
    wanted = STYLE.bodies_a_letter * size
    fitting = min(max(wanted, STYLE.smallest_letters_here * unit), STYLE.largest_letters * unit)
    # Whole, so that a person who moves a little keeps the badge, and its shape is known already.
    return round(max(fitting, STYLE.smallest_letters))


def _draw_badge(
    canvas: NDArray[np.uint8], text: str, top: tuple[float, float], px: float, color: Color
) -> None:
    height, width = canvas.shape[:2]
    bold = max(round(_BOLD * px), 1)
    long, high = _extent(text, _SCALE * px, bold)
    across, down = long + 2 * _PADDING * px, _HEIGHT * px
    left = min(max(top[0] - across / 2, 0), max(width - across, 0))
    upper = min(max(top[1] - down - _ABOVE * px, 0), height)
    outline = _rounded(across, down, _CORNER * px) + (left, upper)
    cv2.fillConvexPoly(
        canvas, np.rint(outline * 2**SHIFT).astype(np.int32), color, cv2.LINE_AA, SHIFT
    )
    place = (round(left + _PADDING * px), round(upper + (down + high) / 2))
    cv2.putText(
        canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, _SCALE * px, STYLE.text, bold, cv2.LINE_AA
    )


@lru_cache(1024)
def _extent(text: str, scale: float, bold: int) -> tuple[int, int]:
    """Width of a text and height of its capitals, px."""
    (long, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, bold)
    return long, high


@lru_cache(1024)
def _rounded(across: float, down: float, radius: float) -> NDArray[np.float64]:
    """Outline of a rectangle at the origin with rounded corners, (M, 2) px."""
    angles = np.radians(np.arange(0, 360, 15))
    x = np.where(np.cos(angles) >= 0, across - radius, radius) + radius * np.cos(angles)
    y = np.where(np.sin(angles) >= 0, down - radius, radius) + radius * np.sin(angles)
    return np.stack([x, y], axis=1)
