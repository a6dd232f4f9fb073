"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from openpaf.poses import Poses

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "openpaf_requests", "Requests answered.", ["path", "status"], registry=registry
        )
        self._seconds = Histogram(
            "openpaf_request_seconds",
            "From the first byte of a request to its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._stages = Histogram(
            "openpaf_stage_seconds",
            "What each stage of a frame took.",
            ["stage"],
            buckets=(0.001, 0.0025, *_SECONDS),
            registry=registry,
        )
        self._batches = Histogram(
            "openpaf_batch_frames",
            "Frames that went through the network together.",
            buckets=(1, 2, 3, 4, 6, 8, 12, 16, 24, 32),
            registry=registry,
        )
        self._people = Counter("openpaf_people", "People found.", registry=registry)
        self.live = Gauge("openpaf_live_connections", "Live connections.", registry=registry)
        self.dropped = Counter(
            "openpaf_live_frames_dropped",
            "Live frames left out because a newer one had come.",
            registry=registry,
        )

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Add an answered request; `path` is that of a route, never a client's own."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def count_batch(self, frames: int) -> None:
        """Add a run of the network."""
        self._batches.observe(frames)

    def count_frame(self, poses: Poses) -> None:
        """Add a frame that people were looked for in."""
        self._people.inc(len(poses))
        for stage, milliseconds in poses.timings.items():
            self._stages.labels(stage).observe(milliseconds / 1000)

    def render(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)
