"""How fast a stream runs: frames a second, latency, what was lost."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

# Percentiles are over the latest so many frames, so that memory stays flat for ever.
_MEMORY = 10_000
_RECENT = 30


class StreamStats:
    """Counts and times of one stream, kept up to date while it runs.

    Parameters
    ----------
    live : bool
        Frames come when they come. Those of a file are read ahead and wait for their turn, so that
        their latency says nothing.

    Attributes
    ----------
    frames : int
        Results handed out.
    dropped : int
        Frames of a live source that were too late to be looked at.
    damaged : int
        Frames that could not be unpacked and were left out.
    reconnects : int
    """

    def __init__(self, *, live: bool = True) -> None:
        self._live = live
        self.frames = self.dropped = self.damaged = self.reconnects = 0
        self._started = self._latest = time.perf_counter()
        self._latencies: deque[float] = deque(maxlen=_MEMORY)
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._stages: dict[str, deque[float]] = {}

    def start(self) -> None:
        """Begin to count time."""
        self._started = self._latest = time.perf_counter()

    def record(self, latency: float, stages: Mapping[str, float]) -> None:
        """Count a result: seconds since its frame arrived, milliseconds of each stage."""
        self.frames += 1
        self._latest = time.perf_counter()
        self._recent.append(self._latest)
        self._latencies.append(latency)
        for name, spent in stages.items():
            self._stages.setdefault(name, deque(maxlen=_MEMORY)).append(spent)

    @property
    def seconds(self) -> float:
        """From the start to the latest result."""
        return self._latest - self._started

    @property
    def frame_rate(self) -> float:
        """Results a second since the start."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def recent_frame_rate(self) -> float:
        """Results a second over the latest 30."""
        span = self._recent[-1] - self._recent[0] if self._recent else 0.0
        return (len(self._recent) - 1) / span if span > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers: seconds, frames a second, milliseconds."""
        milliseconds = 1000 * np.array(self._latencies or [0.0])
        p50, p95, p99 = (float(ms) for ms in np.percentile(milliseconds, [50, 95, 99]))
        return {
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "fps": round(self.frame_rate, 2),
            "latency_ms": {"p50": round(p50, 2), "p95": round(p95, 2), "p99": round(p99, 2)},
            "stage_ms": {
                name: round(float(np.median(spent)), 3) for name, spent in self._stages.items()
            },
            "dropped": self.dropped,
            "damaged": self.damaged,
            "reconnects": self.reconnects,
        }

    def __str__(self) -> str:
        """One line for people."""
        numbers = self.as_dict()
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        line = f"{frames} in {self.seconds:.1f} s, {self.frame_rate:.1f}/s"
        if self._live:
            p50, p95, p99 = numbers["latency_ms"].values()
            line += f"; latency ms {p50:.0f} median, {p95:.0f} p95, {p99:.0f} p99"
        for what in ("dropped", "damaged", "reconnects"):
            if numbers[what]:
                line += f"; {numbers[what]} {what}"
        return line
