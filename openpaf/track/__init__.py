"""Who is who from frame to frame: ids, smoothing in time, and left and right kept apart."""

from __future__ import annotations

from openpaf.track.config import TrackConfig
from openpaf.track.interpolation import interpolate
from openpaf.track.tracker import Tracker, warm_up

__all__ = ["TrackConfig", "Tracker", "interpolate", "warm_up"]
