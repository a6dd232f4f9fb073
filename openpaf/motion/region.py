"""Who is inside the part of the frame that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError
from openpaf.motion.config import SmoothConfig
from openpaf.optional import cv2

Inside = Callable[[NDArray[np.float64]], NDArray[np.bool_]]
"""From (N, 2) px to (N,) whether they are inside."""


def region_of(config: SmoothConfig) -> Inside | None:
    """Make a test of the region of a config; None where there is none.

    Raises
    ------
    ConfigError
        When the region is neither a box, a polygon nor a mask.
    """
    if config.region is None:
        return None
    region: NDArray[Any] = np.asarray(config.region)
    if region.dtype == bool and region.ndim == 2:
        return lambda points: _masked(points, region)
    if region.shape == (4,):
        x0, y0, x1, y1 = region.astype(float)
        region = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    if region.ndim != 2 or region.shape[1] != 2 or len(region) < 3:
        raise ConfigError(
            "region must be a box x0, y0, x1, y1, a polygon of three points and more, or a mask; "
            f"got {config.region!r}"
        )
    outline = region.astype(np.float32)[:, None]
    return lambda points: np.array(
        [cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in points], bool
    )


def _masked(points: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    x, y = np.nan_to_num(points).round().astype(int).T
    height, width = mask.shape
    within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    inside: NDArray[np.bool_] = within & mask[y.clip(0, height - 1), x.clip(0, width - 1)]
    return inside


def read_region(text: str) -> Any:
    """Region that a command line gives: x0,y0,x1,y1, points x,y of a polygon, or a mask picture.

    Raises
    ------
    ConfigError
        When it is none of these.
    """
    path = Path(text)
    if path.is_file():
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise ConfigError(f"--region {path} is not a picture")
        return mask > 0
    try:
        numbers = [float(word) for word in text.replace(";", ",").replace(" ", ",").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 4:
        return tuple(numbers)
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))
    raise ConfigError(
        "--region must be x0,y0,x1,y1, a polygon x,y x,y x,y, or a picture that is black outside; "
        f"got {text!r}"
    )
