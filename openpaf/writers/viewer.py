"""A picture of people where one can be looked at: a notebook, or the desktop's own viewer."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.drawing import draw_known
from openpaf.errors import OutputError
from openpaf.frame import Frame
from openpaf.optional import Image, cv2
from openpaf.poses import Poses
from openpaf.writers.pictures import encoded
from openpaf.writers.window import has_display

_LONGEST_SIDE = 1280
_INSTEAD = 'save it instead: poses.save("found.png", frame)'


def show(poses: Poses, frame: Frame | None = None, **style: Any) -> None:
    """Show the frame with skeletons on it, in the notebook or by the desktop's picture viewer.

    Parameters
    ----------
    poses : Poses
    frame : (H, W, 3) uint8 BGR, or another picture, optional
        What to draw on. The picture that `detect` was given the path of, where nothing is said.
    **style
        As `openpaf.draw` takes it.

    Raises
    ------
    FrameError, SourceError
        When the frame is not a picture, or cannot be opened.
    OutputError
        When there is no display here, or no viewer.
    PosesError
        When the frame is not known.
    """
    drawing = draw_known(poses, frame, **style)
    if _in_notebook():
        display: Any = importlib.import_module("IPython.display")
        display.display(display.Image(data=_for_notebook(drawing)))
        return
    if not has_display():
        raise OutputError(f"there is no display here; {_INSTEAD}")
    _view(drawing)


def png(poses: Poses) -> bytes | None:
    """The picture they were found in, with skeletons on it, as PNG; None where it is not known."""
    return None if poses.picture is None else _for_notebook(draw_known(poses))


def _for_notebook(drawing: NDArray[np.uint8]) -> bytes:
    """PNG of a size that a notebook file can keep many of."""
    height, width = drawing.shape[:2]
    share = _LONGEST_SIDE / max(height, width)
    if share < 1:
        size = (max(round(share * width), 1), max(round(share * height), 1))
        drawing = np.asarray(cv2.resize(drawing, size, interpolation=cv2.INTER_AREA), np.uint8)
    return encoded(drawing, Path("picture.png"))


def _in_notebook() -> bool:
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


def _view(drawing: NDArray[np.uint8]) -> None:
    viewer: Any = importlib.import_module("PIL.ImageShow")
    if not viewer.show(Image.fromarray(np.ascontiguousarray(drawing[..., ::-1]))):
        raise OutputError(f"there is no program here that shows pictures; {_INSTEAD}")
