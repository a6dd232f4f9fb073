"""Recordings of poses, whatever file they are in."""

from __future__ import annotations

from openpaf.motion.readers.open import SUFFIXES, open_recording
from openpaf.motion.readers.poses import read

__all__ = ["SUFFIXES", "open_recording", "read"]
