"""From frame px, y down, to metres on a plane, y up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError


@dataclass(frozen=True)
class Scale:
    """Where the metres are, in the plane that people move in, seen at right angles.

    Parameters
    ----------
    metres_per_px : float
    origin : (x, y)
        px, of the point that is 0, 0.
    slope : float
        Radians by which the floor rises to the right of the frame, as in a picture of a tilted
        camera.

    Raises
    ------
    ConfigError
        When it is no scale.
    """

    metres_per_px: float
    origin: tuple[float, float] = (0.0, 0.0)
    slope: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.metres_per_px) and self.metres_per_px > 0):
            raise ConfigError(f"metres_per_px must be above 0, got {self.metres_per_px!r}")

    @classmethod
    def of_bar(cls, a: tuple[float, float], b: tuple[float, float], metres: float) -> Scale:
        """Scale by two points with a known length between them.

        Raises
        ------
        ConfigError
            When the points are one, or the length is not above 0.
        """
        px = math.dist(a, b)
        if not px > 0 or not metres > 0:
            raise ConfigError(f"a scale bar needs two points and a length, got {a}, {b}, {metres}")
        return cls(metres / px)

    @classmethod
    def of_height(cls, heights: list[float], metres: float) -> Scale:
        """Scale by a person's height: body heights in px, as `survey.body_height` measures them.

        Raises
        ------
        ConfigError
            When there is none, or the height is no person's.
        """
        if not 0.3 <= metres <= 3:
            raise ConfigError(f"a person's height must be 0.3 to 3 m, got {metres:g}")
        if not heights:
            raise ConfigError(
                "the height of this person cannot be measured: shoulders, hips, knees and ankles "
                "are never all in sight; use a scale bar (--scale-bar)"
            )
        return cls(metres / float(np.median(heights)))

    def with_floor(self, a: tuple[float, float], b: tuple[float, float]) -> Scale:
        """Put the origin on the floor's point `a`, and level the floor from `a` to `b`.

        Raises
        ------
        ConfigError
            When both are one point.
        """
        left, right = sorted((a, b))
        if left == right:
            raise ConfigError(f"a floor line needs two points, got {a} twice")
        slope = math.atan2(left[1] - right[1], right[0] - left[0])
        return Scale(self.metres_per_px, a, slope)

    def positions(self, keypoints: NDArray[Any]) -> NDArray[np.float64]:
        """(..., 2) metres, x along the floor to the frame's right and y up, of (..., 2) px."""
        return self.ways(keypoints - np.array(self.origin))

    def ways(self, vectors: NDArray[Any]) -> NDArray[np.float64]:
        """The same for differences and speeds: metres of px, m/s of px/s."""
        x, y = vectors[..., 0], -vectors[..., 1]
        cos, sin = math.cos(self.slope), math.sin(self.slope)
        turned = np.stack([x * cos + y * sin, y * cos - x * sin], axis=-1)
        metres: NDArray[np.float64] = turned * self.metres_per_px
        return metres
