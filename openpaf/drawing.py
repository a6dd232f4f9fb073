"""Skeletons on pictures: a colour a limb, thicker for larger people, fainter where unsure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import FrameError, PosesError
from openpaf.frame import Frame, to_frame
from openpaf.keywords import knows_keywords
from openpaf.optional import cv2
from openpaf.poses import Poses
from openpaf.style import STYLE

_SHIFT = 4  # OpenCV's fixed-point places: lines start between pixels, so they do not jitter
_LEVELS = 4  # steps of opacity; one blend a step keeps crowds cheap

_Place = tuple[int, int]
"""A point in OpenCV's fixed-point coordinates."""


@knows_keywords("draw()", "poses.draw(frame, {}=...)")
def draw(
    frame: Frame,
    poses: Poses,
    *,
    image: bool = True,
    ids: bool = True,
    fps: float | None = None,
) -> NDArray[np.uint8]:
    """Draw people over a copy of a frame.

    Parameters
    ----------
    frame : (H, W, 3) uint8 BGR, or another picture
        Whatever `Engine.detect` takes; see `openpaf.frame.to_frame`.
    poses : Poses
        In px of this frame.
    image : bool
        False draws on black instead of on the frame.
    ids : bool
        Write each person's id beside the head, where people have ids.
    fps : float, optional
        Frames a second, written in the corner.

    Returns
    -------
    (H, W, 3) uint8 BGR

    Raises
    ------
    FrameError
        When it is not a picture.
    SourceError
        When a picture file cannot be opened.
    """
    pixels = to_frame(frame)
    canvas = pixels.copy() if image else np.zeros_like(pixels)
    if not len(poses):
        return _with_fps(canvas, fps)
    thickness = [_thickness(box) for box in poses.boxes]
    places = _fixed(poses.keypoints)
    _draw_limbs(canvas, poses, places, thickness)
    _draw_parts(canvas, poses, places, thickness)
    if ids and poses.ids is not None:
        _draw_ids(canvas, poses, thickness)
    return _with_fps(canvas, fps)


def draw_known(poses: Poses, frame: Frame | None = None) -> NDArray[np.uint8]:
    """Draw people over a frame, or over the picture file they were found in where none is given.

    Returns
    -------
    (H, W, 3) uint8 BGR

    Raises
    ------
    FrameError, SourceError
        When it is not a picture or has changed, or cannot be opened.
    PosesError
        When no frame is known.
    """
    if frame is not None:
        return draw(frame, poses)
    if poses.picture is None:
        raise PosesError(
            "these poses do not hold the frame they were found in; pass it too, as frame "
            "(cv2.imread and cv2.VideoCapture.read give None for what they cannot read)"
        )
    pixels = to_frame(poses.picture)
    height, width = pixels.shape[:2]
    if (width, height) != poses.frame_size:
        raise FrameError(
            f"{poses.picture} is {width}x{height} px by now, and not what these poses were found "
            "in; pass the frame itself"
        )
    return draw(pixels, poses)


def _thickness(box: NDArray[np.float32]) -> int:
    extent = float(max(box[2] - box[0], box[3] - box[1]))
    return (
        int(np.clip(round(extent / STYLE.bodies_a_line), 1, STYLE.thickest))
        if np.isfinite(extent)
        else 1
    )


def _draw_limbs(
    canvas: NDArray[np.uint8], poses: Poses, places: list[list[_Place]], thickness: list[int]
) -> None:
    """Limbs by opacity, faintest first; each level is drawn on a copy of its region and blended."""
    levels: list[list[tuple[int, int]]] = [[] for _ in range(_LEVELS)]
    skeleton = poses.skeleton
    for person, scores in enumerate(poses.scores.tolist()):
        for limb in skeleton.drawn_limbs:
            a, b = skeleton.limbs[limb]
            if scores[a] > 0 and scores[b] > 0:
                sure = min(scores[a] + scores[b], 1.0)
                levels[min(int(sure * _LEVELS), _LEVELS - 1)].append((person, limb))
    for level, drawn in enumerate(levels):
        if not drawn:
            continue
        lines = []
        for person, limb in drawn:
            start, end = (places[person][part] for part in skeleton.limbs[limb])
            lines.append((start, end, skeleton.colors[limb], thickness[person]))
        opacity = STYLE.faintest + (1 - STYLE.faintest) * (level + 1) / _LEVELS
        if opacity >= 1:
            _lines(canvas, lines)
            continue
        ends = np.array([place for line in lines for place in line[:2]]) / 2**_SHIFT
        region = _region(canvas, ends, max(thickness))
        if not region.size:
            continue
        before = region.copy()
        _lines(canvas, lines)
        cv2.addWeighted(region, opacity, before, 1 - opacity, 0, dst=region)


def _lines(
    canvas: NDArray[np.uint8],
    lines: list[tuple[_Place, _Place, tuple[int, int, int], int]],
) -> None:
    for start, end, color, width in lines:
        cv2.line(canvas, start, end, color, width, cv2.LINE_AA, _SHIFT)


def _region(
    canvas: NDArray[np.uint8], points: NDArray[np.float64], margin: int
) -> NDArray[np.uint8]:
    """View of the canvas around points."""
    height, width = canvas.shape[:2]
    low = np.clip(points.min(axis=0) - margin - 2, 0, (width, height)).astype(int)
    high = np.clip(points.max(axis=0) + margin + 3, 0, (width, height)).astype(int)
    return canvas[low[1] : high[1], low[0] : high[0]]


def _draw_parts(
    canvas: NDArray[np.uint8], poses: Poses, places: list[list[_Place]], thickness: list[int]
) -> None:
    widths, px = STYLE.dot
    for centres, scores, width in zip(places, poses.scores.tolist(), thickness, strict=True):
        radius = round((widths * width + px) * 2**_SHIFT)
        for centre, score in zip(centres, scores, strict=True):
            if score > 0:
                cv2.circle(canvas, centre, radius, STYLE.part, -1, cv2.LINE_AA, _SHIFT)


def _draw_ids(canvas: NDArray[np.uint8], poses: Poses, thickness: list[int]) -> None:
    assert poses.ids is not None
    for number, box, width in zip(poses.ids, poses.boxes, thickness, strict=True):
        if number >= 0 and np.isfinite(box).all():
            place = (int(box[0]), max(int(box[1]) - 4 - width, 14))
            _text(canvas, str(number), place, 0.4 + 0.06 * width)


def _with_fps(canvas: NDArray[np.uint8], fps: float | None) -> NDArray[np.uint8]:
    if fps is not None:
        _text(canvas, f"{fps:.1f} frames/s", (8, 22), 0.6)
    return canvas


def _text(canvas: NDArray[np.uint8], text: str, place: tuple[int, int], size: float) -> None:
    """White with a dark rim, readable on anything."""
    for color, width in ((STYLE.outline, 3), (STYLE.text, 1)):
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, color, width, cv2.LINE_AA)


def _fixed(keypoints: NDArray[np.float32]) -> list[list[_Place]]:
    """(N, K, 2) points as places, kept where an int32 can hold them."""
    places = np.rint(np.clip(np.nan_to_num(keypoints), -30000, 30000) * 2**_SHIFT).astype(int)
    return [[(x, y) for x, y in person] for person in places.tolist()]
