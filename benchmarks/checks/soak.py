"""A clip streamed over and over: memory, threads and open files must not grow.

    python -m benchmarks.checks.soak --frames 100000

A tiny network (`benchmarks.scenes.dots`) makes the rest of the pipeline the work: reading an MJPEG
file, three stages, tracking, and NDJSON, CSV and COCO writers. Each time the clip ends a new stream
is made, so whatever a stream leaves behind adds up.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import cv2
import typer

from benchmarks.scenes import dots
from benchmarks.tools.record import circumstances, write_result
from openpaf.engine import Engine
from openpaf.writers import CocoWriter, CsvWriter, NdjsonWriter, Writers

_CLIP = 500


def _state() -> dict[str, int]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "rss_mb": int(status["VmRSS"].split()[0]) // 1024,
        "threads": int(status["Threads"]),
        "open_files": len(list(Path("/proc/self/fd").iterdir())),
    }


def main(
    frames: Annotated[int, typer.Option(help="Frames in all.")] = 100_000,
    out: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Print memory, threads and open files while it runs."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "walk.avi"
        video = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, dots.SIZE)
        for index in range(_CLIP):
            video.write(dots.frame(index))
        video.release()
        engine = Engine(dots.save_network(Path(folder) / "dots.onnx"), threads=1, spinning=False)
        engine.warm_up()
        done, found, rows, started = 0, 0, [], time.perf_counter()
        print(f"{'frames':>8}{'frames/s':>10}{'RSS MB':>8}{'threads':>9}{'files':>7}", flush=True)
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
                rate = done / (time.perf_counter() - started)
                rows.append({"frames": done, "fps": round(rate, 1), **_state()})
                row = rows[-1]
                print(
                    f"{done:8}{rate:10.0f}{row['rss_mb']:8}{row['threads']:9}{row['open_files']:7}",
                    flush=True,
                )
        engine.close()
    settled = next(row for row in rows if row["frames"] >= frames // 10)
    grown = {key: rows[-1][key] - settled[key] for key in ("rss_mb", "threads", "open_files")}
    print(f"one person in {found / done:.1%} of frames; since {settled['frames']} frames: {grown}")
    if out:
        write_result(
            out,
            {"suite": "soak", "circumstances": circumstances(), "rows": rows, "grown": grown},
        )


if __name__ == "__main__":
    typer.run(main)
