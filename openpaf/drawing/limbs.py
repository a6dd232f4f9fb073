"""Limbs and parts: lines and dots that follow each person's size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.drawing.colors import limb_colors, person_colors
from openpaf.optional import cv2
from openpaf.poses import Poses
from openpaf.style import STYLE, Color

SHIFT = 4
"""OpenCV's fixed-point places: lines start between pixels, so they do not jitter."""

_LEVELS = 4  # steps of opacity; one blend a step keeps crowds cheap

Place = tuple[int, int]
"""A point in OpenCV's fixed-point coordinates."""

_Line = tuple[Place, Place, Color, int]


def fixed(points: NDArray[np.float32]) -> list[list[Place]]:
    """(N, K, 2) points as places, kept where an int32 can hold them."""
    there = np.where(np.isnan(points), np.float32(0), points)
    places = np.rint(np.clip(there, -30000, 30000) * 2**SHIFT).astype(int)
    return [[(x, y) for x, y in person] for person in places.tolist()]


def draw_limbs(
    canvas: NDArray[np.uint8],
    poses: Poses,
    places: list[list[Place]],
    widths: list[float],
    coloring: str,
) -> None:
    """Limbs by opacity, faintest first; each level is drawn on a copy of its region and blended."""
    for level, lines in enumerate(_by_opacity(poses, places, widths, coloring)):
        if not lines:
            continue
        opacity = STYLE.faintest + (1 - STYLE.faintest) * (level + 1) / _LEVELS
        if opacity >= 1:
            _draw_lines(canvas, lines)
            continue
        ends = np.array([place for line in lines for place in line[:2]]) / 2**SHIFT
        region = _region(canvas, ends, max(line[3] for line in lines))
        if not region.size:
            continue
        before = region.copy()
        _draw_lines(canvas, lines)
        cv2.addWeighted(region, opacity, before, 1 - opacity, 0, dst=region)


def draw_parts(
    canvas: NDArray[np.uint8], poses: Poses, places: list[list[Place]], widths: list[float]
) -> None:
    """A dot on every part, small on the head, where they are close together."""
    shares = [STYLE.dot * (STYLE.head if near else 1) for near in poses.skeleton.on_head]
    for centres, scores, width in zip(places, poses.scores.tolist(), widths, strict=True):
        unit = width * 2**SHIFT
        for centre, score, share in zip(centres, scores, shares, strict=True):
            if score > 0:
                radius = round(max(share * unit, STYLE.smallest_dot * 2**SHIFT))
                cv2.circle(canvas, centre, radius, STYLE.part, -1, cv2.LINE_AA, SHIFT)


def _by_opacity(
    poses: Poses, places: list[list[Place]], widths: list[float], coloring: str
) -> list[list[_Line]]:
    levels: list[list[_Line]] = [[] for _ in range(_LEVELS)]
    skeleton = poses.skeleton
    colors = limb_colors(skeleton, coloring)
    own = person_colors(poses) if coloring == "person" else [None] * len(poses)
    drawn = [(limb, *skeleton.limbs[limb]) for limb in skeleton.drawn_limbs]
    near = skeleton.on_head
    for points, scores, width, color in zip(
        places, poses.scores.tolist(), widths, own, strict=True
    ):
        for limb, a, b in drawn:
            if scores[a] > 0 and scores[b] > 0:
                sure = min(scores[a] + scores[b], 1.0)
                px = max(round(width * STYLE.head if near[a] and near[b] else width), 1)
                levels[min(int(sure * _LEVELS), _LEVELS - 1)].append(
                    (points[a], points[b], color or colors[limb], px)
                )
    return levels


def _draw_lines(canvas: NDArray[np.uint8], lines: list[_Line]) -> None:
    for start, end, color, px in lines:
        cv2.line(canvas, start, end, color, px, cv2.LINE_AA, SHIFT)


def _region(
    canvas: NDArray[np.uint8], points: NDArray[np.float64], margin: int
) -> NDArray[np.uint8]:
    """View of the canvas around points."""
    height, width = canvas.shape[:2]
    low = np.clip(points.min(axis=0) - margin - 2, 0, (width, height)).astype(int)
    high = np.clip(points.max(axis=0) + margin + 3, 0, (width, height)).astype(int)
    return canvas[low[1] : high[1], low[0] : high[0]]
