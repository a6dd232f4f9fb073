"""A second pass over whole recordings: ids joined, gaps filled, sides mended, curves smoothed."""

from __future__ import annotations

from openpaf.motion.config import SmoothConfig
from openpaf.motion.motion import Motion
from openpaf.motion.readers import open_recording, read
from openpaf.motion.records import Record, Recording
from openpaf.motion.report import PersonReport, Report
from openpaf.motion.scale import Scale
from openpaf.motion.smooth import Smoothing
from openpaf.motion.trail import EXCHANGED, FILLED, OUTLIER, Trail

__all__ = [
    "EXCHANGED",
    "FILLED",
    "OUTLIER",
    "Motion",
    "PersonReport",
    "Record",
    "Recording",
    "Report",
    "Scale",
    "SmoothConfig",
    "Smoothing",
    "Trail",
    "open_recording",
    "read",
]
