"""A service whose network is a stand-in: one person, whose place is the brightness of the frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.fields import Fields
from openpaf.models.card import ModelCard
from openpaf.skeleton import COCO_18

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

WIDTH, HEIGHT = 128, 96
Address = tuple[str, int]


class StandIn:
    """A session that finds one person per frame, left in dark frames and right in bright ones."""

    def __init__(self, name: str) -> None:
        self.card = ModelCard(name=name, skeleton=COCO_18, net_height=HEIGHT)
        self.provider = "stand-in"
        self.net_size = None
        self.max_batch: int | None = None
        self.batches: list[int] = []
        self.shapes: list[tuple[int, ...]] = []
        self.may_run = threading.Event()
        self.may_run.set()
        self.fails_on: int | None = None

    def run(self, net_frames: NDArray[np.uint8]) -> list[Fields]:
        assert self.may_run.wait(20)
        self.batches.append(len(net_frames))
        self.shapes.append(net_frames.shape)
        values = [int(frame[0, 0, 0]) for frame in net_frames]
        if self.fails_on in values:
            raise RuntimeError("secret place: /srv/models/broken.onnx")
        return [_person(value // 20, frame.shape) for value, frame in zip(values, net_frames)]


def _person(column: int, shape: tuple[int, ...]) -> Fields:
    height, width = shape[0] // 8, shape[1] // 8
    ys, xs = np.mgrid[:height, :width]
    points = [(column + 2 * (k % 3), 1 + 2 * (k // 3)) for k in range(len(COCO_18.parts))]
    confidence_maps = [0.9 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 2) for x, y in points]
    pafs = np.zeros((2 * len(COCO_18.limbs), height, width), np.float32)
    for limb, (a, b) in enumerate(COCO_18.limbs):
        way = np.subtract(points[b], points[a]).astype(float)
        pafs[2 * limb : 2 * limb + 2] = (way / np.hypot(*way))[:, None, None]
    return Fields(np.array(confidence_maps, np.float32), pafs, 8, COCO_18)


def expected_nose(value: int) -> list[float]:
    """x and y of the nose that the stand-in finds in `picture(value)`."""
    return [8 * (value // 20) + 3.5, 11.5]


def nose(frame: dict[str, Any], person: int = 0) -> list[float]:
    """x and y of a nose in OpenPose's form."""
    x, y = frame["people"][person]["pose_keypoints_2d"][:2]
    return [x, y]


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """Make the bytes of a grey picture; the stand-in's person stands by its `value`."""
    cv2 = pytest.importorskip("cv2")

    def encode(value: int, kind: str = ".png", size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
        width, height = size
        data = cv2.imencode(kind, np.full((height, width, 3), value, np.uint8))[1]
        return bytes(data)

    return encode


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, StandIn]:
    """Two networks: "one", the default, and "two"."""
    sessions = {name: StandIn(name) for name in ("one", "two")}
    monkeypatch.setattr(
        "openpaf.engine.open_session", lambda path, **options: sessions[Path(path).stem]
    )
    for name in sessions:
        (tmp_path / f"{name}.onnx").touch()
    return sessions


@pytest.fixture
def make_app(stand_ins: dict[str, StandIn], tmp_path: Path) -> Callable[..., Any]:
    """Make the application with some settings other than the defaults."""
    pytest.importorskip("fastapi")
    from openpaf.serve import ServeConfig, create_app, open_models

    def make(**settings: Any) -> Any:
        models = open_models([tmp_path / f"{name}.onnx" for name in stand_ins])
        return create_app(models, ServeConfig(**settings))

    return make


@pytest.fixture
def serve(make_app: Callable[..., Any]) -> Iterator[Callable[..., TestClient]]:
    """Start the application in this process; gives a client."""
    testclient = pytest.importorskip("fastapi.testclient")
    clients: list[TestClient] = []

    def start(**settings: Any) -> TestClient:
        client = testclient.TestClient(make_app(**settings), raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def listening(make_app: Callable[..., Any]) -> Iterator[Callable[..., Address]]:
    """Serve the application on a free port; gives the address."""
    pytest.importorskip("fastapi")
    from openpaf.serve import server

    running = []

    def start(**settings: Any) -> Address:
        listener = server.listen("127.0.0.1", 0)
        address: Address = listener.getsockname()
        service = server.make_server(make_app(**settings))
        thread = threading.Thread(target=service.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((service, thread))
        while not service.started:
            assert thread.is_alive()
            time.sleep(0.01)
        return address

    yield start
    for service, thread in running:
        service.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
