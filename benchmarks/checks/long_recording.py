"""A recording of hours through `openpaf smooth`: memory must not grow with it.

    python -m benchmarks.checks.long_recording --frames 1000000

Somebody walks on the spot, with the faults of `benchmarks.bench_motion`, and gets a new id twice a
minute, as happens in real recordings. The verb runs in a process of its own, whose memory is looked
at while it works, and its report must say that all frames came through.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import bench_motion
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show

_MINUTE = 1800
COLUMNS = columns("seconds = s:.0f | RSS, MB = rss_mb | written, MB = written_mb")


def write_recording(path: Path, frames: int) -> None:
    """Write so many frames as `openpaf run` would have: one minute again and again."""
    times = np.arange(_MINUTE) / bench_motion.RATE
    people = np.stack([bench_motion.walker(times, 0.3, way, 160) for way in (75.0, -75.0)])
    people[..., 0] += 640 - people[:, :, [bench_motion.BODY_25.index("mid_hip")], 0]
    lines = []
    for record in bench_motion.recording(times, people):
        assert record.poses.ids is not None
        one = record.poses[record.poses.ids > 1]
        lines.append(json.dumps(one.to_openpose()["people"]))
    with path.open("w", encoding="utf-8") as out:
        for frame in range(frames):
            turn, place = divmod(frame, _MINUTE)
            text = lines[place]
            for who in (2, 3):
                text = text.replace(f'"person_id": [{who}]', f'"person_id": [{who + 2 * turn}]')
            out.write(
                f'{{"frame": {frame}, "time": {frame / bench_motion.RATE:.6f}, "name": null, '
                f'"frame_size": [1280, 720], "skeleton": "BODY_25", "people": {text}}}\n'
            )


def smoothed(recording: Path, folder: Path, every: float) -> Iterator[dict[str, Any]]:
    """Run the verb and look at its memory every so many seconds."""
    clean, report = folder / "clean.ndjson", folder / "report.json"
    command = [sys.executable, "-m", "openpaf", "smooth", str(recording), "-o", str(clean)]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "--report", str(report)], stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            row = _state(process.pid)
            if row:
                yield {"s": time.perf_counter() - started, **row}
            with_patience = time.perf_counter() + every
            while process.poll() is None and time.perf_counter() < with_patience:
                time.sleep(0.2)
    finally:
        process.kill()
    if process.wait():
        raise SystemExit(f"openpaf smooth ended with {process.returncode}")


def _state(pid: int) -> dict[str, int]:
    """Resident memory, and what has gone to files so far; nothing once the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        written = Path(f"/proc/{pid}/io").read_text()
    except OSError:
        return {}
    lines = dict(line.split(":", 1) for line in (status + written).splitlines())
    if "VmRSS" not in lines:
        return {}
    return {
        "rss_mb": int(lines["VmRSS"].split()[0]) // 1024,
        "written_mb": int(lines["wchar"]) >> 20,
    }


def main(
    frames: Annotated[int, typer.Option(help="Frames of the recording.")] = 1_000_000,
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 60.0,
    folder: Annotated[Path | None, typer.Option(help="Where to write, 3 GB a million.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Print the memory of `openpaf smooth` from the start to the end of a long recording."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        recording = Path(name) / "recording.ndjson"
        write_recording(recording, frames)
        size = recording.stat().st_size >> 20
        print(f"{frames:,} frames, {size:,} MB")
        started = time.perf_counter()
        rows = show(COLUMNS, smoothed(recording, Path(name), every))
        seconds = time.perf_counter() - started
        report = json.loads((Path(name) / "report.json").read_text())
    kept = [person for person in report["people"] if person["dropped"] is None]
    tenth = next((row for row in rows if row["s"] > seconds / 10), rows[0])
    peak = max(row["rss_mb"] for row in rows)
    print(
        f"{report['frames']:,} frames came through in {seconds:.0f} s, {frames / seconds:.0f}/s; "
        f"{len(report['people'])} people, {sum(len(p['joined']) for p in kept)} ids joined; "
        f"RSS {tenth['rss_mb']} MB after a tenth of the time, {peak} MB at most"
    )
    if out:
        publish("long-recording", {"rows": rows, "frames": frames, "seconds": seconds}, out)


if __name__ == "__main__":
    typer.run(main)
