"""Is it worth looking where the people of the last frames are, rather than in one way always?

    python -m benchmarks.bench_gaze coco_train
    python -m benchmarks.bench_gaze coco_train --video street.avi

A stream that is told by the people of the last frame what the next one needs (half the size too
when somebody fills the frame; the part that holds them, larger, when all are small; everything
once in a while) against looks that are always the same, on a video of zooming photographs, whose
people are known, and on a video, where the people of four looks are taken for the truth. Writes
`gaze--<folder>--<device>.json`, whose `rows` hold

    video, looks   str
    AP             OKS-AP; no figure for a video whose people nobody labelled
    found, people  int: people found at OKS 0.5 and the network's own min_score; labelled ones
    share, false   found / people; int, found where nobody is
    cost           net px a frame, over those of one look
    ms, frames     median of a frame; how many
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.bench_tiles import count
from benchmarks.scenes.zooms import zooms
from benchmarks.tools.options import Out
from benchmarks.tools.record import VERSIONS, result_path
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf import DecoderConfig, Engine, Poses
from openpaf.evaluate import read_folder
from openpaf.evaluate.average_precision import PrecisionCounter, match_people
from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.evaluate.folder import parts_from
from openpaf.evaluate.predict import as_found
from openpaf.looks import Look, read_looks
from openpaf.skeleton import Skeleton
from openpaf.sources import open_source
from openpaf.tiles import joined

_TABLE = columns(
    "video | looks | AP:,.3f | found:d | people:d | share:,.3f | false:d | cost:,.2f | ms:,.0f | "
    "frames:d"
)
FIXED = ("one", "close", "1.4", "0.5+1+1.5")
GAZE = "gaze"
TRUTH = "0.5+1+1.5+2"
# Of the frame's height: who fills the frame, and who is small.
_FILLS, _SMALL = 0.7, 0.3
# A frame in so many is looked at in every way, for people nobody knows of.
_ROUND = 8
# The part that holds everybody, in boxes around them.
_GROWN = 1.5

Frames = Sequence[tuple[NDArray[np.uint8], AnnotatedImage | None]]
Glance = tuple[tuple[int, int, int, int] | None, tuple[Look, ...]]
"""A part of the frame, x0, y0, x1, y1 px, None for all of it, and the looks at it."""


def gaze(before: Poses | None, index: int, size: tuple[int, int]) -> list[Glance]:
    """What the people of the frame before say that this one needs."""
    if before is None or not len(before) or index % _ROUND == 0:
        return [(None, read_looks("0.5+1+1.5"))]
    boxes = before.boxes
    heights = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) / size[1]
    if heights.max() >= _FILLS:
        return [(None, read_looks("close"))]
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    middle, half = (low + high) / 2, _GROWN * (high - low) / 2
    x0, y0 = np.maximum(middle - half, 0).astype(int).tolist()
    x1, y1 = np.minimum(middle + half, size).astype(int).tolist()
    if heights.max() >= _SMALL or (y1 - y0) > size[1] / 2 or min(x1 - x0, y1 - y0) < 32:
        return [(None, read_looks("one"))]
    return [(None, read_looks("one")), ((x0, y0, x1, y1), read_looks("one"))]


def always(looks: str, before: Poses | None, index: int, size: tuple[int, int]) -> list[Glance]:
    """The same for every frame."""
    return [(None, read_looks(looks))]


def glance(engine: Engine, frame: NDArray[np.uint8], glances: list[Glance]) -> tuple[Poses, int]:
    """Everyone that some glances at a frame find, and the net px that they cost."""
    found, cost = [], 0
    for part, looks in glances:
        x0, y0, x1, y1 = part or (0, 0, frame.shape[1], frame.shape[0])
        net_frame = engine.prepare(np.ascontiguousarray(frame[y0:y1, x0:x1]), looks=looks)
        cost += sum(one.pixels.shape[0] * one.pixels.shape[1] for one in net_frame.inputs)
        poses = engine.decode(engine.predict([net_frame])[0], net_frame.placement)
        moved = (poses.keypoints + np.array((x0, y0))).astype(np.float32)
        found.append(replace(poses, keypoints=moved))
    return joined(found), cost


def follow(
    engine: Engine, video: str, name: str, frames: Frames, target: Skeleton
) -> dict[str, Any]:
    """The figures of a row."""
    choose: Callable[..., list[Glance]] = gaze if name == GAZE else partial(always, name)
    lowest = engine.card.calibration.min_score
    before, costs, taken, seen, counts = None, [], [], [], []
    for index, (frame, truth) in enumerate(frames):
        assert truth is not None
        size = (frame.shape[1], frame.shape[0])
        started = time.perf_counter()
        everybody, cost = glance(engine, frame, choose(before, index, size))
        taken.append(1000 * (time.perf_counter() - started))
        kept = np.flatnonzero(everybody.person_scores >= lowest)
        before = replace(
            everybody,
            keypoints=everybody.keypoints[kept],
            scores=everybody.scores[kept],
            person_scores=everybody.person_scores[kept],
        )
        costs.append(cost / glance_px(engine, size))
        seen.append(as_found(everybody, target)[0])
        counts.append(count(truth, before, target))
    truths = [truth for _, truth in frames if truth is not None]
    people = int(sum((~truth.ignored).sum() for truth in truths))
    found = int(sum(one.hit.sum() for one in counts))
    matches = match_people(truths, seen, target.sigmas)
    return {
        "video": video,
        "looks": name,
        "AP": PrecisionCounter(matches).summarize()["AP"],
        "found": found,
        "people": people,
        "share": found / max(people, 1),
        "false": sum(one.false for one in counts),
        "cost": float(np.mean(costs)),
        "ms": float(np.median(taken)),
        "frames": len(truths),
    }


def glance_px(engine: Engine, size: tuple[int, int]) -> int:
    """Net px of one look at a frame."""
    width, height = engine.placement(*size).net_size
    return width * height


def taken_for_truth(engine: Engine, path: Path, most: int, target: Skeleton) -> Frames:
    """Frames of a video, and whom many looks find in them."""
    source = open_source(path)
    frames: list[tuple[NDArray[np.uint8], AnnotatedImage | None]] = []
    while len(frames) < most and (shot := source.read()) is not None:
        poses, _ = glance(engine, shot.frame, [(None, read_looks(TRUTH))])
        sure = np.flatnonzero(poses.person_scores >= 2 * engine.card.calibration.min_score)
        keypoints, scores = poses.skeleton.convert(
            poses.keypoints[sure], poses.scores[sure], target
        )
        boxes = poses.boxes[sure].astype(float)
        boxes[:, 2:] -= boxes[:, :2]
        unknown, none = np.full(len(sure), np.nan), np.zeros(len(sure), bool)
        truth = AnnotatedImage(
            len(frames), path, (shot.frame.shape[1], shot.frame.shape[0]),
            np.nan_to_num(keypoints).astype(float), scores > 0, boxes[:, 2:].prod(axis=1), boxes,
            unknown, unknown, none, np.asarray(~(scores > 0).any(axis=1)),
        )  # fmt: skip
        frames.append((shot.frame, truth))
    source.close()
    return frames


def bench(engine: Engine, videos: Iterable[tuple[str, Frames]], target: Skeleton) -> Iterator[Any]:
    """A row a video and way of looking."""
    for video, frames in videos:
        for name in (*FIXED, GAZE):
            yield follow(engine, video, name, frames, target)


def main(
    folder: Annotated[
        Path, typer.Argument(help="Holds images/ and COCO keypoints.", show_default=False)
    ],
    photographs: Annotated[int, typer.Option(min=1, help="How many to zoom into.")] = 40,
    frames: Annotated[int, typer.Option(min=2, help="Of each of them.")] = 20,
    video: Annotated[Path | None, typer.Option(help="A video of people walking about.")] = None,
    video_frames: Annotated[int, typer.Option(min=1, help="Of the video.")] = 200,
    model: Annotated[str, typer.Option(help="As of `openpaf run`.")] = "default-int8",
    device: Annotated[str, typer.Option(help="As of `openpaf run`.")] = "cpu",
    out: Out = None,
) -> None:
    """Compare looking where people are with looking in one way; print a table and write JSON."""
    dataset = read_folder(folder)
    with Engine(model, device=device, decoder=DecoderConfig(min_score=0.05)) as engine:
        known = dataset.restricted(parts_from(engine.skeleton, dataset.parts))
        target = engine.skeleton.restricted(known.parts)
        somebody = [image for image in known.images if not image.ignored.all()]
        step = max(len(somebody) // photographs, 1)
        chosen = somebody[::step][:photographs]
        videos: list[tuple[str, Frames]] = [("zooms", list(zooms(chosen, frames)))]
        if video is not None:
            videos.append((video.stem, taken_for_truth(engine, video, video_frames, target)))
        rows = show(_TABLE, bench(engine, videos, target))
    name = folder.resolve().name
    figures = {"folder": name, "annotations_sha256": dataset.sha256, "rows": rows}
    publish("gaze", figures, out or result_path("gaze", name), versions=VERSIONS)


if __name__ == "__main__":
    typer.run(main)
