"""Under which names the service answers: no rebound name makes a stranger's page its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("fastapi")

from starlette.testclient import WebSocketDenialResponse

Serve = Callable[..., Any]
OWN = ("127.0.0.1", "localhost", "::1")
TOKEN = "correct-horse-battery"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8000", "example.org"]
    + ["testserver"],  # where the test client says that it has connected to
)
def test_own_names(serve: Serve, host: str) -> None:
    client = serve(hosts=OWN, cors_origins=("https://example.org:444",))
    assert client.get("/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "127.1", "2130706433", "0.0.0.0"]
    + ["localhost@evil.example", "localhost#@evil.example", "evil.example/localhost", "[::2]", "["]
    + ["", "localhost.", "notlocalhost", "\xff"],
)
def test_names_of_others(serve: Serve, host: str) -> None:
    client = serve(hosts=OWN)
    for path in ("/", "/models", "/healthz", "/docs"):
        answer = client.get(path, headers={"host": host.encode("latin-1")})
        assert answer.status_code == 421
        assert "--cors-origin" in answer.json()["error"]
        assert "evil" not in answer.text
    live = {"host": host.encode("latin-1"), "origin": b"http://" + host.encode("latin-1")}
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/live", headers=live),
    ):
        pass
    assert denied.value.status_code == 421


def test_two_names_at_once(serve: Serve) -> None:
    headers = [("host", "localhost"), ("host", "evil.example")]
    assert serve().get("/models", headers=headers).status_code == 400


def test_a_token_makes_names_needless(serve: Serve) -> None:
    headers = {"host": "evil.example", "authorization": f"Bearer {TOKEN}"}
    assert serve(hosts=OWN, token=TOKEN).get("/models", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/detect/", "/models/", "/docs/", "/page", "//evil.example/.."])
def test_nothing_redirects_to_where_the_client_says(serve: Serve, path: str) -> None:
    answer = serve().get(path, headers={"host": "evil.example"}, follow_redirects=False)
    assert "evil.example" not in answer.headers.get("location", "")
