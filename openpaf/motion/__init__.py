"""A second pass over whole recordings: ids joined, gaps filled, sides mended, curves smoothed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openpaf.motion.config import SmoothConfig as SmoothConfig
    from openpaf.motion.motion import Motion as Motion
    from openpaf.motion.readers import open_recording as open_recording
    from openpaf.motion.readers import read as read
    from openpaf.motion.records import Record as Record
    from openpaf.motion.records import Recording as Recording
    from openpaf.motion.report import PersonReport as PersonReport
    from openpaf.motion.report import Report as Report
    from openpaf.motion.scale import Scale as Scale
    from openpaf.motion.smooth import Smoothing as Smoothing
    from openpaf.motion.trail import EXCHANGED as EXCHANGED
    from openpaf.motion.trail import FILLED as FILLED
    from openpaf.motion.trail import OUTLIER as OUTLIER
    from openpaf.motion.trail import Trail as Trail

# Reading alone needs no SciPy, whose filters take a second to import.
_HOMES = {
    "EXCHANGED": "trail",
    "FILLED": "trail",
    "OUTLIER": "trail",
    "Motion": "motion",
    "PersonReport": "report",
    "Record": "records",
    "Recording": "records",
    "Report": "report",
    "Scale": "scale",
    "SmoothConfig": "config",
    "Smoothing": "smooth",
    "Trail": "trail",
    "open_recording": "readers",
    "read": "readers",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
