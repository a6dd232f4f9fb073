"""How fast a picture, a video and a batch go through the whole engine, and where the time goes.

    python -m benchmarks.bench_pipeline
    python -m benchmarks.bench_pipeline --clip street.mp4

The network alone is measured in turn with the whole, on the same frame: nothing can be faster than
this floor, and the distance to it is what everything else costs. `read` is unpacking the picture: a
JPEG of the frame for pictures and batches, where the latency is without it because `detect` takes
frames; the video's own codec for videos. A video's stages overlap, and its frames are read up to
eight ahead: their latency, from being read to the result, has that waiting in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks.scenes.clips import Frame, clip_or_made, first_frames
from benchmarks.tools.engines import (
    FRAME_SIZE,
    MODELS,
    Devices,
    Models,
    look_at_all,
    name,
    read_size,
)
from benchmarks.tools.options import Out, read_counts, read_words
from benchmarks.tools.report import COLORS, legend_below, percentiles, publish
from benchmarks.tools.tables import columns, show
from benchmarks.tools.timing import milliseconds
from openpaf import Engine, Poses, track
from openpaf.stream import Shot, Source, open_source

# What the stages are called here: `decode` alone could be the picture's.
_STAGES = {"preprocess": "preprocess", "network": "network", "decode": "decoder", "track": "track"}
_WARM_UP = 3
# The first results come in a burst: a stream reads eight frames ahead while the first is looked at.
_SETTLING = 10

COLUMNS = columns(
    "model | runtime | size | net size = net_size | what | frames/s = frames_a_second:,.1f | "
    "p50, ms = latency_ms.p50:,.1f | p95 = latency_ms.p95:,.1f | p99 = latency_ms.p99:,.1f | "
    "network, ms a frame = stages_ms.network:,.1f | decoder = stages_ms.decoder:,.2f | "
    "floor = floor_ms:,.1f | above it = above",
    above=lambda row: f"{row['above_floor_percent']:+.0f} %",
)


def look_at_frames(
    engine: Engine, frames: list[Frame], find: Callable[[], list[Poses]], repeats: int
) -> dict[str, Any]:
    """Figures of one call that finds the people of some frames.

    Parameters
    ----------
    engine : Engine
    frames : list of (H, W, 3) uint8 BGR
        All of one size; what `find` looks at.
    find : callable
        The call.
    repeats : int
        Reading, the network alone and the call take turns so often.
    """
    net_frames = [engine.prepare(frame) for frame in frames]
    jpegs = [cv2.imencode(".jpg", frame)[1] for frame in frames]
    spent: dict[str, list[float]] = {"read": [], **{stage: [] for stage in _STAGES.values()}}
    spent["rest"] = []
    floors, wholes, people = [], [], []
    for turn in range(_WARM_UP + repeats):
        read_ms, _ = milliseconds(lambda: [cv2.imdecode(j, cv2.IMREAD_COLOR) for j in jpegs])
        floor_ms, _ = milliseconds(lambda: engine.predict(net_frames))
        whole_ms, found = milliseconds(find)
        if turn < _WARM_UP:
            continue
        stages = {key: sum(poses.timings[key] for poses in found) for key in found[0].timings}
        for key, taken in stages.items():
            spent[_STAGES[key]].append(taken / len(frames))
        spent["read"].append(read_ms / len(frames))
        spent["rest"].append((whole_ms - sum(stages.values())) / len(frames))
        floors.append(floor_ms / len(frames))
        wholes.append(whole_ms)
        people += [len(poses) for poses in found]
    rate = 1000 * len(frames) / median(wholes)
    return figures(rate, wholes, floors, spent, people)


def look_at_video(
    engine: Engine, clip: Path, frames: int, passes: int, repeats: int
) -> dict[str, Any]:
    """Figures of a stream over a video file; the median of several passes is its frames/s."""
    net_frames = [engine.prepare(first_frames(clip, 1)[0])]
    floors = [milliseconds(lambda: engine.predict(net_frames))[0] for _ in range(repeats)]
    track.warm_up(engine.skeleton)
    spent: dict[str, list[float]] = {"read": [], **{stage: [] for stage in _STAGES.values()}}
    rates, latencies, people = [], [], []
    for _ in range(passes):
        source = TimedSource(open_source(clip, live=False))
        arrived = []
        with engine.stream(source) as stream:
            for result in islice(stream.results(), frames):
                arrived.append(time.perf_counter())
                if len(arrived) <= _SETTLING:
                    continue
                latencies.append(1000 * result.latency)
                people.append(len(result.poses))
                for key, taken in result.poses.timings.items():
                    spent[_STAGES[key]].append(taken)
        if len(arrived) <= _SETTLING:
            raise typer.BadParameter(f"{clip.name} has {len(arrived)} frames, too few to settle")
        spent["read"] += source.read_ms[_SETTLING:]
        rates.append((len(arrived) - _SETTLING) / (arrived[-1] - arrived[_SETTLING - 1]))
    return figures(median(rates), latencies, floors, spent, people)


class TimedSource:
    """A source that remembers the milliseconds of each read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.read_ms: list[float] = []

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._source, attribute)

    def read(self) -> Shot | None:
        taken, shot = milliseconds(self._source.read)
        if shot is not None:
            self.read_ms.append(taken)
        return shot


def figures(
    rate: float,
    latencies: list[float],
    floors: list[float],
    spent: Mapping[str, list[float]],
    people: list[int],
) -> dict[str, Any]:
    """What a row says; times are ms, of stages and of the floor ms a frame."""
    floor_ms = median(floors)
    low, high = np.percentile(latencies, [25, 75])
    return {
        "frames_a_second": rate,
        "latency_ms": {**percentiles(latencies), "iqr": high - low},
        "samples": len(latencies),
        "floor_ms": floor_ms,
        "above_floor_ms": 1000 / rate - floor_ms,
        "above_floor_percent": 100 * (1000 / rate / floor_ms - 1),
        "stages_ms": {stage: median(taken) for stage, taken in spent.items() if taken},
        "people": median(people),
    }


def look_at_everything(
    few: list[Frame],
    clip: Path,
    batches: list[int],
    repeats: int,
    frames: int,
    passes: int,
    engine: Engine,
) -> Iterator[dict[str, Any]]:
    """What was looked at and its figures: a picture, batches, the video."""
    height, width = few[0].shape[:2]
    engine.settle()
    engine.warm_up((width, height))
    about: dict[str, Any] = {"net_size": engine.placement(width, height).net_size}
    find: Callable[[], list[Poses]] = lambda: [engine.detect(few[0])]
    yield about | {"what": "picture"} | look_at_frames(engine, few[:1], find, repeats)
    for count in batches:
        about["what"] = f"batch of {count}"
        if count > (engine.session.max_batch or count):
            yield about | {"reason": f"takes {engine.session.max_batch} at most"}
            continue
        find = partial(engine.detect_batch, few[:count], batch_size=count)
        # As many frames as the picture's, but never fewer calls than quartiles need.
        calls = max(repeats // count, min(repeats, 30))
        yield about | look_at_frames(engine, few[:count], find, calls)
    row = look_at_video(engine, clip, frames, passes, min(repeats, 30))
    yield about | {"what": "video"} | row


def draw_chart(record: Mapping[str, Any], plt: Any) -> Any:
    """Stacked bars of what each stage takes, ms a frame; a tick is the floor."""
    rows = [row for row in record["rows"] if row["what"] in ("picture", "video")]
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.34 * len(rows)), layout="constrained")
    begin = np.zeros(len(rows))
    for stage, color in COLORS.items():
        width = np.array([max(row["stages_ms"].get(stage, 0), 0) for row in rows])
        axes.barh(range(len(rows)), width, left=begin, color=color, label=stage, height=0.7)
        begin += width
    axes.plot(
        [row["floor_ms"] for row in rows], range(len(rows)), "|k", markersize=13, label="floor"
    )
    labels = ["{} {}x{}, {}".format(name(row), *row["net_size"], row["what"]) for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("ms a frame (a video's stages overlap)")
    axes.set_title(f"Where the time goes on {record['circumstances']['processor']}", fontsize=10)
    legend_below(figure, 7)
    return figure


def main(
    clip: Annotated[Path | None, typer.Option(help="A video instead of a made-up one.")] = None,
    models: Models = MODELS,
    devices: Devices = None,
    sizes: Annotated[str, typer.Option(help="Net sizes or net heights.")] = "456x256,368",
    batches: Annotated[str, typer.Option(help="Frames a batch.")] = "1,4,8",
    repeats: Annotated[int, typer.Option(min=2, help="Of a picture; 100 give a p99.")] = 100,
    frames: Annotated[int, typer.Option(min=12, help="Frames a pass of the video.")] = 150,
    passes: Annotated[int, typer.Option(min=1, help="Passes of the video.")] = 3,
    spinning: Annotated[
        bool, typer.Option(help="Let idle threads of ONNX Runtime wait busily, as the engine does.")
    ] = True,
    out: Out = None,
) -> None:
    """Time the whole engine on a picture, batches and a video; write a table, JSON and a chart."""
    counts = read_counts(batches)
    with clip_or_made(clip, max(frames, *counts), FRAME_SIZE) as path:
        few = first_frames(path, max(counts))
        if len(few) < max(counts):
            raise typer.BadParameter(f"{path.name} has {len(few)} frames, fewer than a batch")
        look = partial(look_at_everything, few, path, counts, repeats, frames, passes)
        rows = show(
            COLUMNS,
            (
                {"size": size, "what": "everything", **row}
                for size in read_words(sizes)
                for row in look_at_all(models, look, devices, spinning=spinning, **read_size(size))
            ),
        )
    shown = "discs over noise, made" if clip is None else clip.name
    publish("pipeline", {"spinning": spinning, "clip": shown, "rows": rows}, out, draw_chart)


if __name__ == "__main__":
    typer.run(main)
