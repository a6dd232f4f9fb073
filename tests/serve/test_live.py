"""Live frames: the newest wins, settings apply, ids stay, strangers stay out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import HEIGHT, WIDTH, StandIn, expected_nose, nose

pytest.importorskip("fastapi")

from starlette.websockets import WebSocketDisconnect

Serve = Callable[..., Any]
Picture = Callable[..., bytes]
TOKEN = "correct-horse-battery"


def refusal(client: Any, **connection: Any) -> tuple[str, int]:
    """What a connection that is refused is told, and the code it is closed with."""
    with client.websocket_connect("/live", **connection) as live:
        message = live.receive_json()["error"]
        with pytest.raises(WebSocketDisconnect) as closed:
            live.receive_json()
    return message, closed.value.code


def test_a_frame_is_answered_with_its_people(serve: Serve, picture: Picture) -> None:
    with serve().websocket_connect("/live") as live:
        for number, value in enumerate((0, 40, 80), start=1):
            live.send_bytes(picture(value, ".jpg"))
            found = live.receive_json()
            assert found["frame"] == number
            assert found["size"] == [WIDTH, HEIGHT]
            assert set(found["timings"]) == {"preprocess", "wait", "network", "decode"}
            assert len(found["people"]) == 1


def test_people_keep_their_ids_in_a_connection_and_not_across(
    serve: Serve, picture: Picture
) -> None:
    client = serve()
    for _ in range(2):
        with client.websocket_connect("/live") as live:
            ids = []
            for _ in range(4):
                live.send_bytes(picture(60))
                found = live.receive_json()
                assert nose(found) == pytest.approx(expected_nose(60), abs=0.5)
                ids.append(found["people"][0]["person_id"])
            assert ids == [[1]] * 4


def test_the_newest_frame_wins(
    serve: Serve, picture: Picture, stand_ins: dict[str, StandIn]
) -> None:
    client = serve()
    stand_ins["one"].may_run.clear()
    with client.websocket_connect("/live") as live:
        live.send_bytes(picture(0))
        time.sleep(0.5)  # the first is in the network now
        for value in (20, 40, 60, 80):
            live.send_bytes(picture(value))
        time.sleep(0.5)
        stand_ins["one"].may_run.set()
        assert live.receive_json()["frame"] == 1
        newest = live.receive_json()
        assert newest["frame"] == 5
        live.send_bytes(picture(100))
        assert live.receive_json()["frame"] == 6
    assert "openpaf_live_frames_dropped_total 3.0" in client.get("/metrics").text


def test_settings_apply_to_the_frames_after_them(
    serve: Serve, picture: Picture, stand_ins: dict[str, StandIn]
) -> None:
    with serve().websocket_connect("/live") as live:
        live.send_bytes(picture(0))
        assert len(live.receive_json()["people"]) == 1
        live.send_text(json.dumps({"min_score": 1}))
        live.send_bytes(picture(0))
        assert live.receive_json()["people"] == []
        stand_ins["two"].batches.clear()
        live.send_text(json.dumps({"model": "two", "net_height": 192}))
        live.send_bytes(picture(0))
        assert len(live.receive_json()["people"]) == 1
        assert stand_ins["two"].batches == [1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"model": "/etc/passwd"}',
        '{"net_height": 1000000}',
        '{"min_score": "NaN"}',
        '{"unknown": 1}',
        '{"net_height": 4096}',
        '{"model": "' + "x" * 10_000 + '"}',
        "[" * 5000,
        "\x00",
    ],
)
def test_wrong_settings_are_told_and_change_nothing(
    serve: Serve, picture: Picture, text: str
) -> None:
    with serve().websocket_connect("/live") as live:
        live.send_text(text)
        told = live.receive_json()
        assert list(told) == ["error"]
        assert len(told["error"]) < 600
        live.send_bytes(picture(0))
        assert len(live.receive_json()["people"]) == 1


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff\xe0 cut short"])
def test_a_bad_frame_is_told_and_the_next_is_served(
    serve: Serve, picture: Picture, data: bytes
) -> None:
    with serve().websocket_connect("/live") as live:
        live.send_bytes(data)
        told = live.receive_json()
        assert told["frame"] == 1 and told["error"]
        live.send_bytes(picture(0))
        assert live.receive_json()["frame"] == 2


def test_a_client_that_goes_away_mid_frame_leaves_nothing(
    serve: Serve, picture: Picture, stand_ins: dict[str, StandIn]
) -> None:
    client = serve(max_live=1)
    stand_ins["one"].may_run.clear()
    for _ in range(3):
        with client.websocket_connect("/live") as live:
            live.send_bytes(picture(0))
            time.sleep(0.2)
    stand_ins["one"].may_run.set()
    assert client.post("/detect", content=picture(0)).status_code == 200
    assert "openpaf_live_connections 0.0" in client.get("/metrics").text


def test_one_connection_too_many_is_refused(serve: Serve) -> None:
    client = serve(max_live=1)
    with client.websocket_connect("/live"):
        message, code = refusal(client)
        assert "too many" in message
        assert code == 1013
    with client.websocket_connect("/live"):
        pass


def test_an_idle_connection_is_closed(serve: Serve) -> None:
    client = serve(idle_timeout=0.2)
    with client.websocket_connect("/live") as live, pytest.raises(WebSocketDisconnect) as closed:
        live.receive_json()
    assert closed.value.code == 1001


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://testserver.evil", "null", "http://["]
)
def test_pages_of_other_sites_may_not_connect(serve: Serve, origin: str) -> None:
    message, code = refusal(serve(), headers={"origin": origin})
    assert "other sites" in message
    assert code == 1008


def test_the_page_itself_and_named_sites_may(serve: Serve, picture: Picture) -> None:
    client = serve(cors_origins=("https://example.org",))
    for origin in ("http://testserver", "https://example.org"):
        with client.websocket_connect("/live", headers={"origin": origin}) as live:
            live.send_bytes(picture(0))
            assert live.receive_json()["frame"] == 1


@pytest.mark.parametrize(
    "connection",
    [
        {},
        {"subprotocols": ["openpaf"]},
        {"subprotocols": ["openpaf", "wrong-horse-battery"]},
        {"headers": {"authorization": "Bearer wrong-horse-battery"}},
    ],
)
def test_a_token_keeps_others_out(serve: Serve, connection: dict[str, Any]) -> None:
    message, code = refusal(serve(token=TOKEN), **connection)
    assert "token" in message
    assert code == 1008


@pytest.mark.parametrize(
    "connection",
    [
        {"subprotocols": ["openpaf", TOKEN]},
        {"headers": {"authorization": f"Bearer {TOKEN}"}},
    ],
)
def test_a_token_lets_its_owner_in(
    serve: Serve, picture: Picture, connection: dict[str, Any]
) -> None:
    with serve(token=TOKEN).websocket_connect("/live", **connection) as live:
        live.send_bytes(picture(0))
        assert live.receive_json()["frame"] == 1


def test_too_many_settings_end_the_connection(serve: Serve) -> None:
    with serve(max_settings=3).websocket_connect("/live") as live:
        for _ in range(9):
            live.send_text("{}")
        with pytest.raises(WebSocketDisconnect) as closed:
            live.receive_json()
    assert closed.value.code == 1008
    assert "3 settings a second" in closed.value.reason
