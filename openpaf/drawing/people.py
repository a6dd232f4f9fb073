"""Skeletons on pictures: thicker for larger people, fainter where unsure, alike at every size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.drawing.badges import draw_badges, draw_rate
from openpaf.drawing.colors import person_colors
from openpaf.drawing.config import Coloring, DrawConfig
from openpaf.drawing.faces import blur_heads
from openpaf.drawing.limbs import SHIFT, draw_limbs, draw_parts, fixed
from openpaf.drawing.small_parts import draw_small_parts
from openpaf.errors import FrameError, PosesError
from openpaf.frame import Frame, to_frame
from openpaf.keywords import knows_keywords
from openpaf.optional import cv2
from openpaf.person import extents
from openpaf.poses import Poses
from openpaf.style import STYLE

_DEFAULT = DrawConfig()


@knows_keywords("draw()", "poses.draw(frame, {}=...)")
def draw(
    frame: Frame,
    poses: Poses,
    config: DrawConfig | None = None,
    *,
    fps: float | None = None,
    color: Coloring | None = None,
    line_width: float | None = None,
    boxes: bool | None = None,
    ids: bool | None = None,
    labels: bool | None = None,
    on_black: bool | None = None,
    blur_faces: bool | None = None,
) -> NDArray[np.uint8]:
    """Draw people over a copy of a frame.

    Parameters
    ----------
    frame : (H, W, 3) uint8 BGR, or another picture
        Whatever `Engine.detect` takes; see `openpaf.frame.to_frame`.
    poses : Poses
        In px of this frame.
    config : DrawConfig, optional
    fps : float, optional
        Frames a second, written in the corner.
    color, line_width, boxes, ids, labels, on_black, blur_faces : optional
        See `DrawConfig`, whose values they take the place of.

    Returns
    -------
    (H, W, 3) uint8 BGR

    Raises
    ------
    ConfigError
        When a value cannot be.
    FrameError
        When it is not a picture.
    SourceError
        When a picture file cannot be opened.
    """
    if not isinstance(poses, Poses):
        raise PosesError(
            f"draw takes the Poses of one frame, got a {type(poses).__name__}; of openpaf.read and "
            "of several pictures it is one of the list"
        )
    options = {
        "color": color, "line_width": line_width, "boxes": boxes, "ids": ids, "labels": labels,
        "on_black": on_black, "blur_faces": blur_faces,
    }  # fmt: skip
    said: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    config = replace(config or _DEFAULT, **said) if said else config or _DEFAULT
    pixels = to_frame(frame)
    canvas = np.zeros_like(pixels) if config.on_black else pixels.copy()
    if len(poses):
        _draw_people(canvas, poses, config)
    if fps is not None:
        draw_rate(canvas, fps)
    return canvas


def draw_known(poses: Poses, frame: Frame | None = None, **style: Any) -> NDArray[np.uint8]:
    """Draw people over a frame, or over the picture file they were found in where none is given.

    `style` is as `draw` takes it.

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
        return draw(frame, poses, **style)
    if poses.picture is None:
        raise PosesError(
            "these poses do not know the picture they were found in, or it was None; pass it too: "
            'poses.save("found.png", frame), poses.draw("photo.jpg"); of a stream it is '
            "result.frame of stream.results()"
        )
    pixels = to_frame(poses.picture)
    height, width = pixels.shape[:2]
    if (width, height) != poses.frame_size:
        raise FrameError(
            f"{poses.picture} is {width}x{height} px by now, and not what these poses were found "
            "in; pass the frame itself"
        )
    return draw(pixels, poses, **style)


def _draw_people(canvas: NDArray[np.uint8], poses: Poses, config: DrawConfig) -> None:
    if config.blur_faces and not config.on_black:
        blur_heads(canvas, poses)
    # Nobody seen is larger than the frame; a part may be anywhere.
    sizes = np.minimum(extents(poses.boxes), max(canvas.shape))
    if config.line_width is None:
        widths = (sizes / STYLE.bodies_a_line).tolist()
    else:
        widths = [config.line_width] * len(poses)
    places = fixed(poses.keypoints)
    if config.boxes:
        _draw_boxes(canvas, poses, widths)
    draw_limbs(canvas, poses, places, widths, config.color)
    draw_parts(canvas, poses, places, widths)
    draw_small_parts(canvas, poses, config)
    if config.labels or (config.ids and poses.ids is not None):
        draw_badges(canvas, poses, sizes.tolist(), config)


def _draw_boxes(canvas: NDArray[np.uint8], poses: Poses, widths: list[float]) -> None:
    corners = fixed(poses.boxes.reshape(-1, 2, 2))
    for (low, high), color, width, box in zip(
        corners, person_colors(poses), widths, poses.boxes, strict=True
    ):
        if np.isfinite(box).all():
            px = max(round(STYLE.box * width), 1)
            cv2.rectangle(canvas, low, high, color, px, cv2.LINE_AA, SHIFT)
