"""Skeletons drawn on a result's frame, once for everybody who shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from openpaf.result import Result

Paint: TypeAlias = Callable[[Result], NDArray[np.uint8]]
"""Makes a picture of a result."""


class Painter:
    """Draw results; the latest drawing is kept, so that several writers share it.

    Parameters
    ----------
    **style
        As `openpaf.draw.draw` takes it.
    """

    def __init__(self, **style: Any) -> None:
        self._style = style
        self._latest: Result | None = None
        self._drawing: NDArray[np.uint8]

    def __call__(self, result: Result) -> NDArray[np.uint8]:
        """Give the frame with skeletons on it, (H, W, 3) uint8 BGR."""
        if result is not self._latest:
            self._drawing = result.poses.draw(result.frame, **self._style)
            self._latest = result
        return self._drawing
