"""Pictures from web addresses: what is fetched, and every way in which it is not."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from openpaf.errors import FrameError, OpenPafError, SourceError
from openpaf.frame import to_frame
from openpaf.pictures import fetch as fetching
from tests.mjpeg import MjpegServer

FRAME = np.full((24, 32, 3), (10, 120, 200), np.uint8)
PNG = bytes(cv2.imencode(".png", FRAME)[1])


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        if path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
            self.end_headers()
            return
        if path == "/none.png":
            self.send_error(404, "Not \x1b[31mhere")
            return
        body = {"/page": b"<html>", "/empty": b"", "/endless": b""}.get(path, PNG)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if path == "/page" else "image/png")
        if path not in ("/endless", "/drip"):
            self.send_header("Content-Length", str(len(body) + 9 * (path == "/cut.png")))
        self.end_headers()
        try:
            while path in ("/endless", "/drip"):
                self.wfile.write(b"x" * (1 << 16) if path == "/endless" else b"x")
                time.sleep(0.05 if path == "/drip" else 0)
            if path == "/silent":
                time.sleep(1)
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as serving:
        serving.asked, serving.elsewhere = [], "/a.png"  # type: ignore[attr-defined]
        threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True).start()
        serving.url = f"http://127.0.0.1:{serving.server_port}"  # type: ignore[attr-defined]
        yield serving
        serving.shutdown()


def refused(url: Any, message: str, kind: type[OpenPafError] = SourceError) -> str:
    with pytest.raises(kind, match=message) as error:
        to_frame(url)
    line = str(error.value)
    assert "\n" not in line and "\x1b" not in line and len(line) < 500
    return line


def test_a_picture(server: Any) -> None:
    for url in (f"{server.url}/a.png", f"{server.url}/moved", server.url.replace("http", "HTTP")):
        np.testing.assert_array_equal(to_frame(url), FRAME)


def test_a_camera_with_a_password(server: Any) -> None:
    place = server.url.removeprefix("http://")
    server.elsewhere = f"http://localhost:{server.server_port}/a.png"
    np.testing.assert_array_equal(to_frame(f"http://admin:p%40ss@{place}/moved"), FRAME)
    (_, first), (_, second) = server.asked
    assert base64.b64decode(first["Authorization"].removeprefix("Basic ")) == b"admin:p@ss"
    assert "Authorization" not in second  # another server need not know it


@pytest.mark.parametrize("path", ["none.png", "cut.png", "page"])
def test_lines_tell_no_secrets(server: Any, path: str) -> None:
    place = server.url.removeprefix("http://")
    kind: type[OpenPafError] = FrameError if path == "page" else SourceError
    line = refused(f"http://admin:hunter2@{place}/{path}?token=abc", path, kind)
    assert "hunter2" not in line and "abc" not in line and f"admin:***@{place}/{path}" in line


def test_what_is_no_picture(server: Any) -> None:
    refused(f"{server.url}/none.png", "answered 404 Not .*here; see that the address is right")
    refused(f"{server.url}/cut.png", "broke off, 9 bytes before its end")
    refused(f"{server.url}/page", "/page is not a picture that can be read", FrameError)
    refused(f"{server.url}/empty", "/empty is not a picture", FrameError)
    with MjpegServer(5) as camera:
        refused(camera.url, "is a video or a camera's stream; pass it to Engine.stream")


def test_bounds(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MOST_BYTES", 1_000_000)
    refused(f"{server.url}/endless", "is larger than the 1 MB that are fetched; download it")
    monkeypatch.setattr(fetching, "STALL", 0.2)
    refused(f"{server.url}/silent", "takes too long")
    monkeypatch.setattr(fetching, "PATIENCE", 0.3)
    started = time.monotonic()
    refused(f"{server.url}/drip", "takes too long")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://host/a.png", "data:image/png,x"])
def test_redirects_stay_on_the_web(server: Any, place: str) -> None:
    server.elsewhere = place
    refused(f"{server.url}/moved", "only https or http will do|answered 302")


def test_nobody_there_and_no_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refused(f"http://127.0.0.1:{free.getsockname()[1]}/a.png", "cannot be reached: ")
    refused("http://", "is no address|cannot be reached")
    for url in (
        "http://a b/c.png",
        "http://h:port/",
        "http://[::1/",
        "https://a\x00b/",
        "http://ä/ö",
    ):
        line = refused(url.replace("//", "//me:secret@"), "is no address|cannot be reached")
        assert "secret" not in line


@pytest.mark.parametrize("url", ["rtsp://me:secret@host/live", "ftp://host/a.png", "file:///a.png"])
def test_other_addresses_are_not_fetched(url: str) -> None:
    line = refused(url, r"is a url, and not fetched here; pass a picture on http or https")
    assert "secret" not in line


def test_an_address_made_a_path_is_not_fetched(server: Any) -> None:
    refused(Path(f"{server.url}/a.png"), "is a url, and not fetched here; pass .* as a str")
    assert server.asked == []
