"""The settings of the tracker."""

from __future__ import annotations

from dataclasses import dataclass, fields

from openpaf.errors import ConfigError, shown
from openpaf.keywords import class_knows_keywords

_MOST = 1e6


@class_knows_keywords("TrackConfig()", "track=TrackConfig({}=...)")
@dataclass(frozen=True)
class TrackConfig:
    """How people are followed. Times are seconds; lengths are body lengths, never px.

    The constants of the arithmetic itself stand at the top of `openpaf_kernels.track`.

    Parameters
    ----------
    min_oks : float
        A pose may continue a track when their OKS, over the parts both have, reaches this.
    confirm_hits : int
        Frames in which a newcomer must be seen before getting an id; everyone in the first frame
        gets one at once. Keeps a false detection of one frame from counting as a person.
    reentry : float
        A person out of sight for no longer than this comes back with the same id.
    recent : float
        Out of sight for longer than this, a person no longer competes with those in sight.
    newcomer_memory : float
        A newcomer out of sight for longer than this is forgotten.
    smooth : bool
        One-euro smoothing of every keypoint (Casiez et al., CHI 2012), in time and not in frames.
    still_cutoff : float
        Hz. Cutoff for a keypoint at rest: lower is calmer.
    moving_cutoff : float
        Hz added for each body length a second of speed: higher lags less.
    swap_guard : bool
        Undo a sudden exchange of left and right.
    swap_patience : float
        An exchange that lasts longer than this is believed: the person has turned around.
    swinging_weight : float
        How much the speed of arms and legs says about the body's; 1 for the other parts.

    Raises
    ------
    ConfigError
        When a value is out of its range.
    """

    min_oks: float = 0.15
    confirm_hits: int = 3
    reentry: float = 2.5
    recent: float = 0.5
    newcomer_memory: float = 0.2
    smooth: bool = True
    still_cutoff: float = 1.0
    moving_cutoff: float = 15.0
    swap_guard: bool = True
    swap_patience: float = 0.4
    swinging_weight: float = 0.01

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            # Not by `math.isfinite`, which an int can be too long for.
            if not 0 <= value <= _MOST:
                raise ConfigError(
                    f"{field.name} must be finite and not negative, at most {_MOST:g}, "
                    f"got {shown(value)}"
                )
        if not 0 < self.min_oks <= 1:
            raise ConfigError(f"min_oks must be above 0 and at most 1, got {self.min_oks!r}")
        if self.confirm_hits < 1:
            raise ConfigError(f"confirm_hits must be at least 1, got {self.confirm_hits!r}")
        if self.still_cutoff == 0:
            raise ConfigError("still_cutoff must be above 0 Hz; use smooth=False for no smoothing")
