"""Skeletons drawn on a result's frame, once for everybody who shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from openpaf.drawing import DrawConfig, draw
from openpaf.result import Result

Paint: TypeAlias = Callable[[Result], NDArray[np.uint8]]
"""Makes a picture of a result."""


class Painter:
    """Draw results; the latest drawing is kept, so that several writers share it.

    Parameters
    ----------
    config : DrawConfig, optional
    frame_rate : function without arguments, optional
        Tells the frames a second to write in the corner.
    """

    def __init__(
        self,
        config: DrawConfig | None = None,
        *,
        frame_rate: Callable[[], float] | None = None,
    ) -> None:
        self._config, self._frame_rate = config, frame_rate
        self._latest: Result | None = None
        self._drawing: NDArray[np.uint8]

    def __call__(self, result: Result) -> NDArray[np.uint8]:
        """Give the frame with skeletons on it, (H, W, 3) uint8 BGR."""
        if result is not self._latest:
            rate = None if self._frame_rate is None else self._frame_rate()
            self._drawing = draw(result.frame, result.poses, self._config, fps=rate)
            self._latest = result
        return self._drawing
