"""What survives when things go wrong, with the real command and real processes.

    python -m benchmarks.checks.stream_faults --kills 20

Every row starts `openpaf run` (a tiny network, `benchmarks.scenes.dots`), breaks something, and
reads what was written with other programs' readers: json, csv, and OpenCV for the video.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated

import cv2
import typer

from benchmarks.scenes import dots
from benchmarks.tools.processes import environment, printed_by


def _jpeg(index: int, size: tuple[int, int] = dots.SIZE) -> bytes:
    return cv2.imencode(".jpg", dots.frame(index, size))[1].tobytes()


class Run:
    """One `openpaf run` with every file output, and what can be read of them afterwards."""

    def __init__(self, folder: Path, network: Path, *words: str) -> None:
        self.folder = folder
        outputs = [
            "--coco-json", "r.json", "--csv", "r.csv", "--ndjson", "r.ndjson", "--video", "r.mp4",
            "--openpose-json", "json",
        ]  # fmt: skip
        command = [sys.executable, "-m", "openpaf", "run", *words, *outputs]
        self.process = subprocess.Popen(
            [*command, "--model", str(network), "--threads", "1", "--stats", "json"],
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait_for_frames(self, count: int) -> None:
        """Until so many lines of NDJSON are there."""
        path = self.folder / "r.ndjson"
        while not path.exists() or path.read_bytes().count(b"\n") < count:
            if self.process.poll() is not None:
                raise RuntimeError(self.process.communicate()[1].decode())
            time.sleep(0.01)

    def end(self) -> tuple[int, str, dict[str, int]]:
        """Exit code, last line of stderr, statistics."""
        with suppress(BrokenPipeError):
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.stdin = None
        out, err = self.process.communicate(timeout=120)
        lines = err.decode().strip().splitlines()
        assert not any("Traceback" in line for line in lines), err.decode()
        return self.process.returncode, lines[-1] if lines else "", json.loads(out or "{}")

    def readable(self) -> dict[str, int]:
        """Frames that each output still tells of; raises where one cannot be read."""
        with (self.folder / "r.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert all(None not in row and None not in row.values() for row in rows)
        lines = [json.loads(line) for line in (self.folder / "r.ndjson").read_text().splitlines()]
        objects = list((self.folder / "json").glob("[!.]*.json"))
        for path in objects:
            json.loads(path.read_text())
        video, shown = cv2.VideoCapture(str(self.folder / "r.mp4")), 0
        while video.read()[0]:
            shown += 1
        return {
            "coco": len({p["image_id"] for p in json.loads((self.folder / "r.json").read_text())}),
            "csv": len({row["frame"] for row in rows}),
            "ndjson": len(lines),
            "openpose": len(objects),
            "video": shown,
        }


@contextmanager
def _fed(run: Run, pieces: Iterator[bytes]) -> Iterator[None]:
    """Push pieces into the run's standard input beside the caller."""

    def feed() -> None:
        assert run.process.stdin is not None
        with suppress(OSError, ValueError):
            for piece in pieces:
                run.process.stdin.write(piece)
            run.process.stdin.flush()

    thread = threading.Thread(target=feed)
    thread.start()
    yield
    thread.join()


def killed(folder: Path, network: Path) -> str:
    """kill -9 at a random moment, frames coming as fast as they are taken."""
    run = Run(folder, network, "-")
    with _fed(run, (_jpeg(index % 200) for index in range(10**9))):
        run.wait_for_frames(random.randrange(30, 200))
        time.sleep(random.random() / 50)
        run.process.kill()
        run.process.wait()
    run.process.communicate()
    found = run.readable()
    frames = found["ndjson"]
    assert all(frames - found[name] in (-1, 0, 1) for name in ("coco", "csv", "openpose")), found
    assert frames - found["video"] <= 25, found
    return f"all five readable; of {frames} frames the video lacks {frames - found['video']}"


def damaged(folder: Path, network: Path) -> str:
    """Every tenth JPEG on standard input is cut, every seventh has its middle overwritten."""

    def pieces() -> Iterator[bytes]:
        for index in range(300):
            data = _jpeg(index)
            if index % 10 == 3:
                data = data[: len(data) // 8] + data[-2:]
            elif index % 7 == 3:
                data = data[:60] + bytes(50) + data[110:]
            yield data

    run = Run(folder, network, "-")
    with _fed(run, pieces()):
        pass
    code, _, stats = run.end()
    return f"exit {code}; {stats['frames']} of 300 frames found, {stats['damaged']} left out"


def resized(folder: Path, network: Path) -> str:
    """Every frame has another size."""
    sizes = [(160, 120), (320, 240), (90, 200), (161, 121), (640, 100)]
    run = Run(folder, network, "-")
    with _fed(run, (_jpeg(index, sizes[index % 5]) for index in range(200))):
        pass
    code, _, stats = run.end()
    found = run.readable()
    assert found["ndjson"] == found["video"] == 200, found
    return f"exit {code}; {stats['frames']} of 200 frames, all in every output"


class _Mjpeg(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with suppress(OSError):
            for index in range(10**9):
                data = _jpeg(index % 40)
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                time.sleep(0.02)
                if self.server.broken:  # type: ignore[attr-defined]
                    return

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _camera(port: int = 0) -> Iterator[ThreadingHTTPServer]:
    ThreadingHTTPServer.allow_reuse_address = True
    server = ThreadingHTTPServer(("127.0.0.1", port), _Mjpeg)
    server.broken = False  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.broken = True  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()


def restarted(folder: Path, network: Path) -> str:
    """An IP camera goes away for three seconds and comes back."""
    with _camera() as server:
        port = server.server_port
        run = Run(folder, network, f"http://127.0.0.1:{port}/c.mjpg", "--max-frames", "150")
        run.wait_for_frames(60)
    time.sleep(3)
    with _camera(port):
        code, _, stats = run.end()
    found = run.readable()
    return f"exit {code}; {found['ndjson']} frames, {stats['reconnects']} reconnect, one run"


def gone(folder: Path, network: Path) -> str:
    """An IP camera goes away for good."""
    with _camera() as server:
        run = Run(folder, network, f"http://127.0.0.1:{server.server_port}/c.mjpg")
        run.wait_for_frames(60)
    began = time.monotonic()
    code, line, _ = run.end()
    found = run.readable()
    waited = time.monotonic() - began
    return f"exit {code} after {waited:.0f} s of trying; {found['ndjson']} frames kept; {line!r}"


_SLOW_PROGRAM = """
import json, sys, time
from openpaf.engine import Engine
engine = Engine(sys.argv[1], threads=1)
engine.warm_up()
with engine.stream(sys.argv[2]) as stream:
    for number, poses in enumerate(stream):
        time.sleep(0.3)
        if number == 30: break
memory = int(open("/proc/self/statm").read().split()[1]) // 256
print(json.dumps(stream.stats.as_dict() | {"memory": memory}))
"""


def slow(folder: Path, network: Path) -> str:
    """A live source and a program that takes 0.3 s a result: memory and age stay bounded."""
    with _camera() as server:
        url = f"http://127.0.0.1:{server.server_port}/c.mjpg"
        stats = json.loads(printed_by(_SLOW_PROGRAM, str(network), url))
    latency = stats["latency_ms"]["p95"]
    return (
        f"{stats['frames']} frames used at 300 ms each, {stats['dropped']} dropped; age p95 "
        f"{latency:.0f} ms; {stats['memory']} MB"
    )


def main(kills: Annotated[int, typer.Option(help="How often to kill.")] = 10) -> None:
    """Print the table."""
    random.seed(1)
    faults: list[Callable[[Path, Path], str]] = [killed] * kills
    faults += [damaged, resized, restarted, gone, slow]
    with tempfile.TemporaryDirectory() as place:
        network = dots.save_network(Path(place) / "dots.onnx")
        for number, fault in enumerate(faults):
            folder = Path(place) / str(number)
            folder.mkdir()
            print(f"{fault.__name__:10} {fault(folder, network)}", flush=True)


if __name__ == "__main__":
    typer.run(main)
