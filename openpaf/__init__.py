"""Realtime multi-person pose: a frame goes in, the skeletons of everyone in it come out."""

from __future__ import annotations

__version__ = "0.1.0"
