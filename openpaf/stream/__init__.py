"""Frames from anywhere, people out, in real time: three stages that overlap."""

from __future__ import annotations

from openpaf.result import Result
from openpaf.sources import Shot, Source, open_source
from openpaf.stream.pipeline import Stream
from openpaf.stream.stats import StreamStats
from openpaf.stream.streams import Streams

__all__ = ["Result", "Shot", "Source", "Stream", "StreamStats", "Streams", "open_source"]
