"""An IP camera that does as it is told."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray


def picture(index: int, size: tuple[int, int] = (64, 48)) -> NDArray[np.uint8]:
    """A flat colour that tells the index."""
    return np.full((size[1], size[0], 3), (10 * index % 250, 128, 128), np.uint8)


def jpeg(index: int, size: tuple[int, int] = (64, 48)) -> bytes:
    return bytes(cv2.imencode(".jpg", picture(index, size))[1])


class MjpegServer(ThreadingHTTPServer):
    """Gives `frames` pictures to each of `connections` clients, then refuses."""

    def __init__(self, frames: int, connections: int = 10**9) -> None:
        super().__init__(("127.0.0.1", 0), _MjpegHandler)
        self.frames, self.left = frames, connections
        self.url = f"http://127.0.0.1:{self.server_port}/stream.mjpg"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _MjpegHandler(BaseHTTPRequestHandler):
    server: MjpegServer

    def do_GET(self) -> None:
        if self.server.left <= 0:
            self.send_error(503)
            return
        self.server.left -= 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for index in range(self.server.frames):
                data = jpeg(index % 25)
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
                self.wfile.write(f"Content-Length: {len(data)}\r\n\r\n".encode() + data + b"\r\n")
                time.sleep(0.004)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass
