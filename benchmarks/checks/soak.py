"""A clip streamed over and over: memory, threads and open files must not grow.

    python -m benchmarks.checks.soak --frames 100000

A tiny network (`benchmarks.scenes.dots`) makes the rest of the pipeline the work: reading an MJPEG
file, three stages, tracking, and NDJSON, CSV and COCO writers. Each time the clip ends a new stream
is made, so whatever a stream leaves behind adds up.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.scenes import dots
from benchmarks.scenes.clips import write_video
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf.engine import Engine
from openpaf.writers import CocoWriter, CsvWriter, NdjsonWriter, Writers

_CLIP = 500
COLUMNS = columns("frames | frames/s = fps:.0f | RSS, MB = rss_mb | threads | files = open_files")


def _state() -> dict[str, int]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "rss_mb": int(status["VmRSS"].split()[0]) // 1024,
        "threads": int(status["Threads"]),
        "open_files": len(list(Path("/proc/self/fd").iterdir())),
    }


def soaked(frames: int) -> Iterator[dict[str, Any]]:
    """The state after the first run through the clip and after every tenth."""
    done, found = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "walk.avi"
        write_video(clip, map(dots.frame, range(_CLIP)), dots.SIZE)
        network = dots.save_network(Path(folder) / "dots.onnx")
        with Engine(network, threads=1, spinning=False) as engine:
            engine.warm_up()
            started = time.perf_counter()
            while done < frames:
                # Written anew each loop: the disk is no part of this.
                with Writers() as writers:
                    writers.add(NdjsonWriter(Path(folder) / "soak.ndjson"))
                    writers.add(CsvWriter(Path(folder) / "soak.csv"))
                    writers.add(CocoWriter(Path(folder) / "soak.json"))
                    for result in engine.stream(clip).results():
                        writers.write(result)
                        done += 1
                        found += len(result.poses)
                if done % (10 * _CLIP) == 0 or done == _CLIP:
                    rate = round(done / (time.perf_counter() - started), 1)
                    yield {"frames": done, "fps": rate, **_state(), "found": found / done}


def main(
    frames: Annotated[int, typer.Option(help="Frames in all.")] = 100_000,
    out: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Print memory, threads and open files while it runs."""
    rows = show(COLUMNS, soaked(frames))
    settled, last = next(row for row in rows if row["frames"] >= frames // 10), rows[-1]
    grown = {key: last[key] - settled[key] for key in ("rss_mb", "threads", "open_files")}
    print(f"one person in {last['found']:.1%} of frames; since {settled['frames']} frames: {grown}")
    if out:
        publish("soak", {"rows": rows, "grown": grown}, out)


if __name__ == "__main__":
    typer.run(main)
