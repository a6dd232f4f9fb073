"""The settings of the second pass."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError

Filter = Literal["butterworth", "gaussian", "loess", "median", "none"]


@dataclass(frozen=True)
class SmoothConfig:
    """What is done to a recording, in this order. Times are seconds.

    Parameters
    ----------
    person : "largest", "central", id or (x0, y0, x1, y1), optional
        Keep one: the largest on average, the one nearest to the frame's middle, the one with this
        id, or the one who is mostly in this box, px.
    region : (x0, y0, x1, y1), polygon ((x, y), ...) or (H, W) bool, optional
        People whose middle lies outside are left out, frame by frame.
    join : float
        Somebody out of sight for no longer than this, who comes back where they were going and with
        the same shape, keeps the id; 0 joins nobody.
    min_time : float
        People seen for a shorter time are dropped.
    sides : bool
        Mend left and right that were exchanged.
    outliers : bool
        Take out keypoints that leap away and back; they become gaps.
    max_gap : float
        Longest gap that is filled; 0 fills none.
    filter : "butterworth", "gaussian", "loess", "median" or "none"
        None of them shifts a curve in time.
    cutoff : float or "auto"
        Hz, where Butterworth and Gaussian let half the power through; "auto" finds one for each
        person by residual analysis (`openpaf.motion.cutoff`). Many papers on gait use 6.
    order : int
        Of the Butterworth filter, both ways together: 2, 4, 6 or 8.
    window : float
        Length of what LOESS and median look at around each frame.

    Raises
    ------
    ConfigError
        When a value is out of its range.
    """

    person: str | int | tuple[float, float, float, float] | None = None
    region: tuple[float, ...] | tuple[tuple[float, float], ...] | NDArray[np.bool_] | None = None
    join: float = 2.0
    min_time: float = 0.5
    sides: bool = True
    outliers: bool = True
    max_gap: float = 0.5
    filter: Filter = "butterworth"
    cutoff: float | Literal["auto"] = "auto"
    order: int = 4
    window: float = 0.3

    def __post_init__(self) -> None:
        for name in ("join", "min_time", "max_gap"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 60):
                raise ConfigError(f"{name} must be 0 to 60 s, got {value!r}")
        if self.filter not in get_args(Filter):
            raise ConfigError(f"filter must be {', '.join(get_args(Filter))}, got {self.filter!r}")
        if self.cutoff != "auto" and not (
            isinstance(self.cutoff, numbers.Real) and 0.05 <= self.cutoff < math.inf
        ):
            raise ConfigError(f'cutoff must be "auto" or 0.05 Hz and more, got {self.cutoff!r}')
        if self.order not in (2, 4, 6, 8):
            raise ConfigError(f"order must be 2, 4, 6 or 8, got {self.order!r}")
        if not 0 < self.window <= 60:
            raise ConfigError(f"window must be above 0 and at most 60 s, got {self.window!r}")
        self._check_person()

    def _check_person(self) -> None:
        person = self.person
        words = person in ("largest", "central") if isinstance(person, str) else False
        box = isinstance(person, tuple) and len(person) == 4
        if person is not None and not (words or box or isinstance(person, int)):
            raise ConfigError(
                'person must be "largest", "central", an id or a box x0, y0, x1, y1, '
                f"got {person!r}"
            )
