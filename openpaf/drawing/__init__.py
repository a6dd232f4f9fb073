"""People on pictures: skeletons, ids, boxes, faces that nobody should know again."""

from __future__ import annotations

from openpaf.drawing.config import COLORINGS, DrawConfig
from openpaf.drawing.people import draw, draw_known

__all__ = ["COLORINGS", "DrawConfig", "draw", "draw_known"]
