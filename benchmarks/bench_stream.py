"""What overlapping the stages gives, next to the plain loop and next to the bound.

    python -m benchmarks.bench_stream
    python -m benchmarks.bench_stream video.avi --model net.xml --threads 1

The plain loop reads, detects and tracks one frame after the other, and shows what each stage takes
in wall time and in CPU time. No pipeline on this machine can be faster than its slowest stage, nor
than all CPU time spread evenly over the cores: the larger of the two is the bound. Loop and stream
take turns, and medians are compared, so that whatever else runs hits both.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.scenes.clips import clip_or_made
from benchmarks.tools.engines import FRAME_SIZE
from benchmarks.tools.options import Out
from benchmarks.tools.record import load_average
from benchmarks.tools.report import publish
from openpaf.engine import Engine
from openpaf.selftest.machine import usable_cores
from openpaf.stream import open_source
from openpaf.track import Tracker

_STAGES = {
    "read + preprocess": ("read", "preprocess"),
    "network": ("network",),
    "decode + track": ("decode", "track"),
}


def _plain_loop(engine: Engine, clip: Path, frames: int) -> tuple[float, dict[str, list[float]]]:
    """Frames a second, and (wall, CPU) seconds a frame of every step."""
    source, tracker = open_source(clip), Tracker()
    spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def step(name: str, since: tuple[float, float]) -> tuple[float, float]:
        now = time.perf_counter(), time.process_time()
        spent[name][0] += now[0] - since[0]
        spent[name][1] += now[1] - since[1]
        return now

    begin = clock = (time.perf_counter(), time.process_time())
    done = 0
    while done < frames and (shot := source.read()) is not None:
        clock = step("read", clock)
        net_frame = engine.prepare(shot.frame)
        clock = step("preprocess", clock)
        fields = engine.predict([net_frame])[0]
        clock = step("network", clock)
        poses = engine.decode(fields, net_frame.placement)
        clock = step("decode", clock)
        tracker.update(poses, shot.time)
        clock = step("track", clock)
        done += 1
    source.close()
    seconds = clock[0] - begin[0]
    return done / seconds, {name: [value / done for value in both] for name, both in spent.items()}


def _stream(engine: Engine, clip: Path, frames: int) -> float:
    with engine.stream(clip) as stream:
        start = time.perf_counter()
        for number, _ in enumerate(stream, 1):
            if number == frames:
                break
        return number / (time.perf_counter() - start)


def main(
    clip: Annotated[Path | None, typer.Argument(help="A video file; made up if none.")] = None,
    model: Annotated[str | None, typer.Option()] = None,
    net_height: Annotated[int | None, typer.Option()] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the network.")] = None,
    frames: Annotated[int, typer.Option(help="Frames a run.")] = 150,
    repeats: Annotated[int, typer.Option()] = 5,
    out: Out = None,
) -> None:
    """Print the stages, the bound, the loop and the stream."""
    engine = Engine(model, net_height=net_height, threads=threads, spinning=False)
    engine.warm_up()
    cores = usable_cores()
    loops, streams, bounds, walls = [], [], [], defaultdict(list)
    with clip_or_made(clip, frames, FRAME_SIZE) as video:
        _plain_loop(engine, video, 10)
        for _ in range(repeats):
            rate, spent = _plain_loop(engine, video, frames)
            stages = {
                name: [sum(spent[step][kind] for step in steps) for kind in (0, 1)]
                for name, steps in _STAGES.items()
            }
            slowest = max(wall for wall, _ in stages.values())
            spread = sum(cpu for _, cpu in stages.values()) / cores
            loops.append(rate)
            bounds.append(1 / max(slowest, spread))
            for name, both in stages.items():
                walls[name].append(both)
            streams.append(_stream(engine, video, frames))
    print(f"{engine!r}, {threads or cores} threads, {cores} cores, load {load_average()}")
    for name, pairs in walls.items():
        wall, cpu = (1000 * statistics.median(pair[kind] for pair in pairs) for kind in (0, 1))
        print(f"  {name:18} {wall:8.2f} ms wall {cpu:8.2f} ms CPU a frame")
    loop, bound, stream = map(statistics.median, (loops, bounds, streams))
    ratio = statistics.median(a / b for a, b in zip(streams, bounds, strict=True))
    print(f"  plain loop {loop:.1f}/s, bound {bound:.1f}/s, stream {stream:.1f}/s")
    print(f"  stream reaches {ratio:.0%} of the bound and {stream / loop:.2f} x the plain loop")
    rates = {"loop": loops, "bound": bounds, "stream": streams}
    figures = {"model": repr(engine), "frames_a_second": rates}
    publish("stream", figures, out, versions=("openvino", "onnxruntime"))


if __name__ == "__main__":
    typer.run(main)
