"""Curves of a motion to look at: pictures, and a page that scrubs them together with the video."""

from __future__ import annotations

from openpaf.motion.plot.curves import DEFAULT_CURVES, Panel, panels_of
from openpaf.motion.plot.page import write_page
from openpaf.motion.plot.picture import write_picture

__all__ = ["DEFAULT_CURVES", "Panel", "panels_of", "write_page", "write_picture"]
