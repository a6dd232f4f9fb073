"""How old a frame of an MJPEG stream is when its poses come out.

    python -m benchmarks.bench_delay --model net.xml

A clock is burned into every frame as a bar code of milliseconds, before ffmpeg encodes the frame
and serves it over HTTP on loopback; it is read back from the frame of every result. So the delay is
the whole way: encoder, network, decoder, the pipeline and the network's own time. Beside it the
plain loop that most programs start with: read a frame, detect, repeat.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.scenes import dots
from benchmarks.tools.timing import milliseconds
from openpaf.engine import Engine

_SIZE, _RATE, _BITS = (640, 360), 25, 24


def _stamp(frame: NDArray[np.uint8]) -> None:
    """Burn the time in: 24 black or white squares along the top."""
    now = int(1000 * time.monotonic()) % (1 << _BITS)
    bits = np.array([now >> bit & 1 for bit in range(_BITS)], np.uint8)
    frame[:16, : 16 * _BITS] = np.repeat(255 * bits, 16)[None, :, None]


def _age_ms(frame: NDArray[np.uint8]) -> int:
    squares = frame[4:12, : 16 * _BITS].reshape(8, _BITS, 16, 3)[:, :, 4:12].mean((0, 2, 3))
    then = sum(1 << bit for bit in np.flatnonzero(squares > 127).tolist())
    return (int(1000 * time.monotonic()) - then) % (1 << _BITS)


@contextmanager
def _served() -> Iterator[str]:
    """An endless MJPEG stream from a real ffmpeg, for one client."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}/clock.mjpg"
    command = [
        "ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "bgr24",
        "-s", f"{_SIZE[0]}x{_SIZE[1]}", "-r", str(_RATE), "-i", "-", "-c:v", "mjpeg", "-q:v", "3",
        "-threads", "1", "-flush_packets", "1", "-f", "mpjpeg", "-content_type",
        "multipart/x-mixed-replace;boundary=ffmpeg", "-listen", "1", url,
    ]  # fmt: skip
    server = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert server.stdin is not None
    pipe, stop = server.stdin, threading.Event()

    def feed() -> None:
        start, index = time.monotonic(), 0
        while not stop.is_set():
            frame = np.full((_SIZE[1], _SIZE[0], 3), 60, np.uint8)
            cv2.circle(frame, (index * 5 % _SIZE[0], 200), 30, (0, 200, 255), -1)
            _stamp(frame)
            try:
                pipe.write(frame.tobytes())
            except OSError:
                return
            index += 1
            stop.wait(max(0.0, start + index / _RATE - time.monotonic()))

    feeder = threading.Thread(target=feed)
    feeder.start()
    # The only client it takes must not be a probe: ask the system whether it listens.
    while f"0100007F:{port:04X} 00000000:0000 0A" not in Path("/proc/net/tcp").read_text():
        time.sleep(0.05)
    try:
        yield url
    finally:
        stop.set()
        server.kill()
        server.wait()
        feeder.join()
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def _plain(engine: Engine, url: str) -> Iterator[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(url)
    while True:
        there, frame = capture.read()
        if not there:
            return
        engine.detect(np.asarray(frame, np.uint8))
        yield np.asarray(frame, np.uint8)


def _streamed(engine: Engine, url: str) -> Iterator[NDArray[np.uint8]]:
    for result in engine.stream(url).results():
        yield result.frame


def main(
    model: Annotated[str | None, typer.Option(help="A network; a tiny one when left out.")] = None,
    net_height: Annotated[int | None, typer.Option()] = None,
    seconds: Annotated[float, typer.Option(help="How long to look.")] = 15.0,
) -> None:
    """Print the age of frames at their results."""
    if shutil.which("ffmpeg") is None:
        raise typer.BadParameter("ffmpeg is needed to serve the stream")
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(model or dots.save_network(Path(folder) / "n.onnx"), net_height=net_height)
        engine.warm_up(_SIZE)
        frame = np.zeros((_SIZE[1], _SIZE[0], 3), np.uint8)
        spent = [milliseconds(partial(engine.detect, frame))[0] for _ in range(10)]
        print(f"{engine!r}: detect takes {np.median(spent):.0f} ms; source {_RATE}/s")
        for name, way in (("plain loop", _plain), ("engine.stream", _streamed)):
            ages: list[int] = []
            with _served() as url:
                results, end = way(engine, url), time.monotonic() + seconds
                for frame in results:
                    ages.append(_age_ms(frame))
                    if time.monotonic() > end:
                        break
                del results
            settled = ages[len(ages) // 3 :]
            print(
                f"{name:14} {len(ages) / seconds:6.1f}/s  age of a frame, ms: "
                f"median {np.median(settled):6.0f}  p95 {np.percentile(settled, 95):6.0f}  "
                f"last {ages[-1]:6d}",
                flush=True,
            )


if __name__ == "__main__":
    typer.run(main)
