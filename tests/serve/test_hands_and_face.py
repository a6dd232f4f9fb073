"""Hands and faces by the service: where they are asked for, and where there is a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openpaf.skeleton import FACE_70, HAND_21
from tests.networks import write_window
from tests.serve.conftest import StandIn

testclient = pytest.importorskip("fastapi.testclient")


@pytest.fixture
def start(
    stand_ins: dict[str, StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Any]]:
    """Start a service with networks for "hands" and "face", or other ones."""
    from openpaf.serve import ServeConfig, create_app, open_models

    # The pictures are all of one grey, so that every place in them is as likely.
    monkeypatch.setattr("openpaf.topdown.closer.LEAST_PRESENCE", 0.01)
    usual = {
        "hands": write_window(tmp_path / "hand.onnx", HAND_21),
        "face": write_window(tmp_path / "face.onnx", FACE_70),
    }
    clients = []

    def begin(**networks: Any) -> Any:
        models = open_models([tmp_path / "one.onnx"], **(networks or usual))
        client = testclient.TestClient(create_app(models, ServeConfig()))
        clients.append(client.__enter__())
        return client

    yield begin
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def _none_bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openpaf_weights.__file__", str(tmp_path / "_/_"))


def test_a_picture(start: Callable[..., Any], picture: Callable[..., bytes]) -> None:
    client = start()
    answer = client.post("/detect", content=picture(200))
    (person,) = answer.json()["people"]
    # The network takes light for a hand, and for a face.
    assert len(person["hand_left_keypoints_2d"]) == 63 and any(person["hand_right_keypoints_2d"])
    assert len(person["face_keypoints_2d"]) == 210
    assert "hands;dur=" in answer.headers["server-timing"]
    (dark,) = client.post("/detect", content=picture(40)).json()["people"]
    assert len(dark["face_keypoints_2d"]) == 210 and not any(dark["face_keypoints_2d"])
    (bare,) = client.post("/detect?hands=false&face=false", content=picture(200)).json()["people"]
    assert bare["hand_left_keypoints_2d"] == bare["face_keypoints_2d"] == []


def test_coco_results_are_of_whole_bodies(
    start: Callable[..., Any], picture: Callable[..., bytes]
) -> None:
    (found,) = start().post("/detect?format=coco", content=picture(200)).json()
    assert [len(found[key]) for key in ("face_kpts", "lefthand_kpts")] == [3 * 68, 3 * 21]


def test_live(start: Callable[..., Any], picture: Callable[..., bytes]) -> None:
    with start().websocket_connect("/live") as socket:
        for number in (1, 2, 3):
            socket.send_bytes(picture(200))
            found = json.loads(socket.receive_text())
            (person,) = found["people"]
            assert found["frame"] == number and any(person["face_keypoints_2d"])
            assert {"hands", "face"} <= found["timings"].keys()
        socket.send_text(json.dumps({"hands": True, "face": False}))
        socket.send_bytes(picture(200))
        found = json.loads(socket.receive_text())
        (person,) = found["people"]
        assert person["face_keypoints_2d"] == [] and any(person["hand_left_keypoints_2d"])


@pytest.mark.usefixtures("_none_bundled")
def test_a_service_without_such_networks(
    start: Callable[..., Any], picture: Callable[..., bytes]
) -> None:
    client = start(hands=False)
    (model,) = client.get("/models").json()
    assert model["closer"] == {}
    (person,) = client.post("/detect", content=picture(200)).json()["people"]
    assert person["face_keypoints_2d"] == []
    refused = client.post("/detect?face=true", content=picture(200))
    assert refused.status_code == 422 and "start the service with --face" in refused.json()["error"]
    assert client.post("/detect?face=maybe", content=picture(200)).status_code == 422
    with client.websocket_connect("/live") as socket:
        socket.send_text(json.dumps({"hands": True}))
        assert "hands cannot be looked for" in json.loads(socket.receive_text())["error"]


@pytest.mark.usefixtures("_none_bundled")
def test_the_models_say_what_they_offer(start: Callable[..., Any], tmp_path: Path) -> None:
    (model,) = start().get("/models").json()
    hands = model["closer"]["hands"]
    assert hands["usual"] and len(hands["skeleton"]["limbs"]) == 20
    assert len(set(hands["skeleton"]["colors"])) == 5
    assert model["closer"]["face"]["skeleton"]["name"] == "FACE_70"


def test_a_bundled_network_is_there_for_who_asks(
    start: Callable[..., Any],
    picture: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openpaf_weights.__file__", str(tmp_path / "_"))
    client = start(hands=False)
    (model,) = client.get("/models").json()
    assert [one["usual"] for one in model["closer"].values()] == [False, False]
    (person,) = client.post("/detect?hands=true", content=picture(200)).json()["people"]
    assert any(person["hand_left_keypoints_2d"]) and person["face_keypoints_2d"] == []
