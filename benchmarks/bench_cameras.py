"""Several cameras in one process with one network, against one process a camera.

    python -m benchmarks.bench_cameras street.mp4
    python -m benchmarks.bench_cameras street.mp4 --cameras 4 --files

Copies of a clip stand for the cameras: played at their own pace, so that what there is no time for
is dropped, or with `--files` every frame as fast as it goes. One process a camera is measured with
all cores for each, as somebody would start them, and with the cores shared out. All take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.scenes.clips import clip_or_made
from benchmarks.tools.engines import FRAME_SIZE
from benchmarks.tools.options import Out
from benchmarks.tools.record import load_average
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf.selftest.machine import usable_cores

COLUMNS = columns(
    "way | frames/s together = fps:.1f | latency ms, median = p50:.0f | 95 % = p95:.0f "
    "| dropped = dropped:.0f | frames a batch = batch:.2f | memory, MB = memory_mb:.0f"
)


def run_all(commands: Sequence[Sequence[str]]) -> list[tuple[dict[str, Any], int]]:
    """Run verbs at the same time; the statistics each prints and its largest memory in MB."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "openpaf", "run", *words, "--stats", "json"],
            stdout=subprocess.PIPE,
        )
        for words in commands
    ]
    done = []
    for process in started:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"openpaf run ended with {process.returncode}")
        done.append((json.loads(text), used.ru_maxrss // 1024))
    return done


def figures(done: Sequence[tuple[dict[str, Any], int]]) -> dict[str, float]:
    """Frames a second of all cameras together, latencies of the mean camera, sums of the rest."""
    cameras = [one for numbers, _ in done for one in numbers.get("sources", {"": numbers}).values()]
    latencies = [camera["latency_ms"] for camera in cameras]
    return {
        "fps": sum(camera["fps"] for camera in cameras),
        "p50": statistics.mean(latency["p50"] for latency in latencies),
        "p95": statistics.mean(latency["p95"] for latency in latencies),
        "dropped": sum(camera["dropped"] for camera in cameras),
        "batch": done[0][0].get("frames_a_batch", 1.0),
        "memory_mb": sum(memory for _, memory in done),
    }


def ways(clip: Path, cameras: int, options: Sequence[str]) -> dict[str, list[list[str]]]:
    """The command lines of each way."""
    share = str(max(1, usable_cores() // cameras))
    one = [str(clip), *options]
    return {
        "one process": [[str(clip)] * cameras + list(options)],
        "a process a camera": [one] * cameras,
        f"a process a camera, {share} thread(s) each": [[*one, "--threads", share]] * cameras,
    }


def measured(
    clip: Path, cameras: int, options: Sequence[str], repeats: int
) -> Iterator[dict[str, Any]]:
    """A row a way: the median of each figure."""
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(repeats):
        for way, commands in ways(clip, cameras, options).items():
            found.setdefault(way, []).append(figures(run_all(commands)))
    for way, rows in found.items():
        yield {"way": way, **{key: statistics.median(row[key] for row in rows) for key in rows[0]}}


def main(
    clip: Annotated[Path | None, typer.Argument(help="A video file; made up if none.")] = None,
    cameras: Annotated[int, typer.Option(help="How many.", min=2)] = 2,
    files: Annotated[
        bool, typer.Option("--files", help="Every frame as fast as it goes, nothing dropped.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="A network; else the bundled one.")] = None,
    net_height: Annotated[int | None, typer.Option()] = None,
    device: Annotated[str, typer.Option()] = "auto",
    frames: Annotated[int, typer.Option(help="Frames of the made clip.")] = 150,
    repeats: Annotated[int, typer.Option()] = 5,
    out: Out = None,
) -> None:
    """Print frames a second, latency and memory of both ways."""
    options = ["--no-live" if files else "--live", "--device", device]
    options += ["--model", model] if model else []
    options += ["--net-height", str(net_height)] if net_height else []
    print(f"{cameras} cameras, {usable_cores()} cores, load {load_average()}")
    with clip_or_made(clip, frames, FRAME_SIZE) as video:
        rows = show(COLUMNS, measured(video, cameras, options, repeats))
    publish("cameras", {"cameras": cameras, "files": files, "rows": rows}, out)


if __name__ == "__main__":
    typer.run(main)
