"""An engine that needs no network, and sources that do what they are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.engine import NetFrame
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18
from openpaf.stream import Shot


@dataclass
class FakeEngine:
    """Finds one person whose nose is at the mean colour (blue, green) of the frame."""

    network_s: float = 0.0
    decode_s: float = 0.0
    fail_at: int | None = None
    predicted: list[int] = field(default_factory=list)
    skeleton = COCO_18
    session = SimpleNamespace(max_batch=None)
    batches: list[int] = field(default_factory=list)

    def settle(self) -> None:
        """No GPU here."""

    def prepare(self, frame: NDArray[np.uint8]) -> Any:
        return FakeNetFrame(frame)

    def predict(self, net_frames: list[Any]) -> list[Any]:
        time.sleep(self.network_s)
        if self.fail_at is not None and len(self.predicted) >= self.fail_at:
            raise RuntimeError("the network broke")
        self.batches.append(len(net_frames))
        self.predicted += [int(one.frame[0, 0, 2]) for one in net_frames]
        return [one.frame for one in net_frames]

    def decoder(self, **options: object) -> object:
        self.asked = options
        return None

    def closer_looks(self, **asked: object) -> tuple[()]:
        return ()

    def finish(self, poses: Poses, *others: object) -> Poses:
        return poses

    def decode(
        self, fields: NDArray[np.uint8], placement: object, timings: Any, decoder: object
    ) -> Poses:
        time.sleep(self.decode_s)
        x, y, _ = fields.reshape(-1, 3).mean(0)
        body = np.random.default_rng(3).uniform(-50, 50, (1, 18, 2))
        body[0, 0] = 0
        ones = np.ones((1, 18), np.float32)
        height, width = fields.shape[:2]
        return Poses(
            (body + (x, y)).astype(np.float32), ones, ones[:, 0], COCO_18,
            frame_size=(width, height), timings={**timings, "decode": 0.0},
        )  # fmt: skip


@dataclass
class FakeNetFrame:
    frame: NDArray[np.uint8]
    placement: object = field(default_factory=lambda: SimpleNamespace(net_size=(32, 24)))
    preprocess_ms: float = 0.0
    timings = NetFrame.timings


@dataclass
class FakeSource:
    """Gives `count` frames; frame i is (x, y, i % 256) in every pixel."""

    count: int
    live: bool = False
    period_s: float = 0.0
    fail_at: int | None = None
    sizes: tuple[tuple[int, int], ...] = ((32, 24),)
    frame_rate: float | None = 25.0
    frame_count: int | None = None
    has_end: bool = True
    cut_short: str | None = None
    damaged: int = 0
    reconnects: int = 0
    closed: bool = False
    index: int = 0

    def read(self) -> Shot | None:
        time.sleep(self.period_s)
        if self.index == self.fail_at:
            raise OSError("the source died")
        if self.index >= self.count or self.closed:
            return None
        width, height = self.sizes[self.index % len(self.sizes)]
        frame = np.empty((height, width, 3), np.uint8)
        frame[:] = (100 + self.index % 100, 80, self.index % 256)
        shot = Shot(frame, self.index, self.index / 25, time.perf_counter())
        self.index += 1
        return shot

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def make_engine() -> type[FakeEngine]:
    return FakeEngine


@pytest.fixture
def make_source() -> type[FakeSource]:
    return FakeSource


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [t for t in set(threading.enumerate()) - before if t.name.startswith("openpaf-")]
    for thread in left:
        # One that has been told to end may need a moment.
        thread.join(5)
    assert [thread.name for thread in left if thread.is_alive()] == []
