"""What `openpaf batch` costs: throughput beside plain multiprocessing, reading, and shards.

    python -m benchmarks.bench_batch rows --model net.onnx
    python -m benchmarks.bench_batch reading
    python -m benchmarks.bench_batch shards

`rows` runs the same made-up videos through a plain `multiprocessing.Pool` that writes JSON lines
and nothing else, through `openpaf batch` on processes, and on a local Ray. The ways take turns.
Every run is a process of its own, timed from outside; one of a few frames tells the start apart
from the steady state. "core ms" is the processor time that the workers spent on a frame, which
other work on the machine disturbs least.

`reading` gives what reading costs in core seconds, all decoding threads counted, for H.264 videos
that ffmpeg makes, or for one of yours.

`shards` gives what the machinery costs where there is nothing to do: planning, and shards that end
at once.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks.scenes.clips import make_video
from benchmarks.tools.options import Out
from benchmarks.tools.record import circumstances, result_path, write_result
from benchmarks.tools.tables import columns, show
from benchmarks.tools.timing import milliseconds
from openpaf.batch import Job, processes
from openpaf.batch.job import opened
from openpaf.batch.plan import Shard, make_plan
from openpaf.batch.recording import Video, VideoError
from openpaf.batch.work import Report
from openpaf.engine import Engine
from openpaf.models.card import ModelCard
from openpaf.preprocess import fit, place
from openpaf.skeleton import COCO_18

WAYS = ("plain multiprocessing", "openpaf batch, processes", "openpaf batch, local Ray")
VIDEOS = 8
WAY_COLUMNS = columns(
    "way | workers | frames/s = frames_per_second:.1f | IQR = iqr:.1f | core ms = core_ms:.1f | "
    "start, s = start_s:.1f"
)
READING_COLUMNS = columns(
    "video | Mbit/s:.2f | decode, frames a core-s = decode:.0f | + to BGR = to BGR:.0f | "
    "+ net frame = net frame:.0f"
)

app = typer.Typer(help=__doc__, no_args_is_help=True)


_engine: Engine
"""Of a plain worker."""


def start_plain(job: Job) -> None:
    global _engine
    _engine = Engine(
        job.model, device=job.device, net_height=job.net_height, threads=1, spinning=False
    )


def run_plain(name: str, job: Job) -> float:
    """Core seconds of a video."""
    started = time.process_time()
    capture = cv2.VideoCapture(str(Path(job.input) / name))
    lines = []
    while (read := capture.read())[0]:
        lines.append(json.dumps(_engine.detect(np.asarray(read[1], np.uint8)).to_openpose()))
    Path(job.output, f"{name}.ndjson").write_text("\n".join(lines))
    return time.process_time() - started


@app.command(hidden=True)
def plain(
    input: Path,
    output: Path,
    model: Annotated[str, typer.Option()],
    net_height: Annotated[int, typer.Option()],
    workers: Annotated[int, typer.Option()],
) -> None:
    """What somebody would write in ten minutes."""
    output.mkdir()
    job = Job(
        input=str(input), output=str(output), model=model, net_height=net_height, device="cpu"
    )
    names = sorted(path.name for path in input.iterdir())
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, start_plain, (job,)) as pool:
        core_seconds = sum(pool.imap_unordered(partial(run_plain, job=job), names))
    (output / "core_seconds").write_text(str(core_seconds))


def run_way(way: str, input: Path, model: str, height: int, workers: int) -> tuple[float, float]:
    """Seconds that a way takes as a process, and core seconds of its workers."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        words = [str(input), str(output), "--model", model, "--net-height", str(height)]
        words += ["--workers", str(workers)]
        if way == WAYS[0]:
            words = [sys.executable, "-m", "benchmarks.bench_batch", "plain", *words]
        else:
            words = [sys.executable, "-m", "openpaf", "batch", *words, "--format", "ndjson"]
            words += ["--device", "cpu"]
        if way == WAYS[2]:
            words += ["--address", "local"]
        run = partial(subprocess.run, words, capture_output=True, text=True, check=False)
        taken, done = milliseconds(run)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr}")
        if way == WAYS[0]:
            return taken / 1000, float((output / "core_seconds").read_text())
        reports = (output / "progress" / "done").iterdir()
        return taken / 1000, sum(json.loads(path.read_text())["core_seconds"] for path in reports)


@app.command()
def rows(
    model: Annotated[str, typer.Option(help="An .onnx or .xml network.")],
    net_height: Annotated[int, typer.Option(help="Height of the network input, px.")] = 256,
    workers: Annotated[list[int] | None, typer.Option(help="How many; may be repeated.")] = None,
    frames: Annotated[int, typer.Option(help="Frames a video of the long run; 8 videos.")] = 80,
    repeats: Annotated[int, typer.Option(help="Runs of each way and length.")] = 3,
    out: Out = None,
) -> None:
    """Frames/s in the steady state, core ms a frame and seconds to start, in turn."""
    path = Path(model).absolute()
    measured = bench_ways(str(path), net_height, workers or [1, 2], frames, repeats)
    figures = {
        f"{row.pop('way')}, {row.pop('workers')} workers": row
        for row in show(WAY_COLUMNS, measured)
    }
    save("rows", {"network": path.name, "net_height": net_height, **figures}, out)


def bench_ways(
    model: str, net_height: int, workers: list[int], frames: int, repeats: int
) -> Iterator[dict[str, Any]]:
    """A row a way and number of workers."""
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder) / "short", Path(folder) / "long"
        for input, length in ((short, 1), (long, frames)):
            input.mkdir()
            make_video(input / "0.avi", length)
            for number in range(1, VIDEOS):
                shutil.copyfile(input / "0.avi", input / f"{number}.avi")
        for count in workers:
            runs: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
            for _, way in product(range(repeats), WAYS):
                start, few = run_way(way, short, model, net_height, count)
                end, many = run_way(way, long, model, net_height, count)
                more = VIDEOS * (frames - 1)
                runs[way].append((more / (end - start), 1000 * (many - few) / more, start))
            for way in WAYS:
                rates, core_ms, starts = zip(*runs[way], strict=True)
                low, rate, high = np.percentile(rates, [25, 50, 75])
                yield {
                    "way": way,
                    "workers": count,
                    "frames_per_second": rate,
                    "iqr": high - low,
                    "core_ms": statistics.median(core_ms),
                    "start_s": statistics.median(starts),
                }


@app.command()
def reading(
    video: Annotated[Path | None, typer.Option(help="One of yours instead.")] = None,
    seconds: Annotated[int, typer.Option(help="Length of the videos made.")] = 10,
    net_height: Annotated[int, typer.Option(help="Height of the network input, px.")] = 368,
    out: Out = None,
) -> None:
    """Frames that a core reads a second, decoding and bringing to net size apart."""
    with tempfile.TemporaryDirectory() as folder:
        videos = [video] if video else [
            h264(Path(folder), size, seconds) for size in ("1280x720", "1920x1080")
        ]  # fmt: skip
        measured = show(READING_COLUMNS, (bench_reading(path, net_height) for path in videos))
    save("reading", {row.pop("video"): row for row in measured}, out)


def bench_reading(path: Path, net_height: int) -> dict[str, Any]:
    """Mbit/s of a video, and frames a core-second of each step further."""
    capture = cv2.VideoCapture(str(path))
    seconds = capture.get(cv2.CAP_PROP_FRAME_COUNT) / capture.get(cv2.CAP_PROP_FPS)
    return {
        "video": path.stem,
        "Mbit/s": round(8e-6 * path.stat().st_size / seconds, 2),
        "decode": round(core_rate(path, only_grab=True), 1),
        "to BGR": round(core_rate(path), 1),
        "net frame": round(core_rate(path, net_height), 1),
    }


def h264(folder: Path, size: str, seconds: int) -> Path:
    """A moving test pattern with film grain at 30 frames/s and 4 Mbit/s."""
    if shutil.which("ffmpeg") is None:
        raise SystemExit("ffmpeg is needed to make H.264 videos; or pass --video")
    path = folder / f"h264 {size}.mp4"
    source = f"testsrc2=size={size}:rate=30:duration={seconds},noise=alls=12:allf=t"
    words = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"]
    words += ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "4M", str(path)]
    subprocess.run(words, check=True)
    return path


def core_rate(path: Path, net_height: int | None = None, only_grab: bool = False) -> float:
    """Frames a second of processor time, over all threads; the better of two passes."""
    best = 0.0
    for _ in range(2):
        frames, started = 0, time.process_time()
        if only_grab:
            capture = cv2.VideoCapture(str(path))
            while capture.grab():
                frames += 1
        else:
            for frame in Video(path).frames():
                if isinstance(frame, VideoError):
                    continue
                frames += 1
                if net_height:
                    height, width = frame.pixels.shape[:2]
                    fit(frame.pixels, place((width, height), net_height=net_height))
        best = max(best, frames / (time.process_time() - started))
    return best


@app.command()
def shards(
    count: Annotated[int, typer.Option(help="Shards that end at once.")] = 1000,
    files: Annotated[int, typer.Option(help="Files to plan.")] = 100_000,
    out: Out = None,
) -> None:
    """Milliseconds a shard, on processes and on Ray, and files planned a second."""
    figures: dict[str, float] = {}
    card = ModelCard(name="none", skeleton=COCO_18)
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "in")
        given.mkdir()
        model = Path(folder, "model.onnx")
        model.touch()
        job = Job(input=str(given), output=str(Path(folder, "out")), model=str(model))
        for number in range(files):
            os.mknod(given / f"{number:07d}.mp4")
        with opened(job, card):
            for name in ("files planned a second", "files found done or not a second"):
                figures[name] = round(1000 * files / milliseconds(partial(make_plan, job))[0])
    # A worker refuses these at once: their output folder is not there.
    nothing = Job(input=folder, output=str(Path(folder, "gone")))
    todo = [Shard(f"{number:06d}", True, ("gone.mp4",), 0) for number in range(count)]
    figures["ms a shard, processes"] = per_shard(
        lambda few: processes.execute(few, nothing, print, workers=2), todo
    )
    try:
        from openpaf.ray.cluster import LOCAL, connected
    except ImportError as error:
        print(f"no Ray: {error}")
    else:
        with connected(LOCAL):
            from openpaf.ray.shards import execute

            figures["ms a shard, local Ray"] = per_shard(
                lambda few: execute(few, nothing, print, workers=2, cpus=0.5), todo
            )
    for name, value in figures.items():
        print(f"{name:36}{value}")
    save("shards", figures, out)


def per_shard(execute: Any, todo: list[Shard]) -> float:
    """Milliseconds a shard in the steady state: from the tenth report to the last."""
    marks = []
    reports: list[Report] = []
    for report in execute(todo):
        marks.append(time.perf_counter())
        reports.append(report)
    assert len(reports) == len(todo)
    return round(1000 * (marks[-1] - marks[9]) / (len(marks) - 10), 2)


def save(what: str, figures: dict[str, Any], out: Path | None) -> None:
    """Write figures beside machine, versions, and how busy the machine was with other things."""
    about = circumstances(("numpy", "cv2", "onnxruntime", "openvino", "ray"))
    write_result(out or result_path(f"batch-{what}"), about | figures)


if __name__ == "__main__":
    app()
