"""Identities over generated crowds, smoothing of still and moving people, and what it all costs.

    python -m benchmarks.bench_track

Everyone's identity is known, so IDF1, id switches and MOTA (py-motmetrics) are exact. Two rivals
see the same detections: no tracking (a person's place in the frame's list is the id) and plain
nearest neighbour (the closest body centre of the frame before, within one body scale).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Annotated

import motmetrics  # type: ignore[import-untyped]
import numpy as np
import typer
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.scenes.walkers import SCENES, Moment, Scene, play
from benchmarks.tools.options import Out
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from benchmarks.tools.timing import milliseconds
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18
from openpaf.track import TrackConfig, Tracker

Assign = Callable[[Moment], NDArray[np.int64]]

COLUMNS = columns("scene | method | IDF1:.3f | switches | MOTA:.3f")


def no_tracking() -> Assign:
    return lambda moment: np.arange(len(moment.detected))


def nearest_neighbour() -> Assign:
    centres, ids, unused = np.empty((0, 2)), np.empty(0, np.int64), 0

    def assign(moment: Moment) -> NDArray[np.int64]:
        nonlocal centres, ids, unused
        boxes = moment.detected.boxes
        now = (boxes[:, :2] + boxes[:, 2:]) / 2
        scales = np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1) / 2
        found = np.full(len(now), -1, np.int64)
        if len(now) and len(centres):
            distances = np.linalg.norm(now[:, None] - centres, axis=2)
            rows, columns = linear_sum_assignment(distances)
            close = distances[rows, columns] < scales[rows]
            found[rows[close]] = ids[columns[close]]
        for person in np.flatnonzero(found < 0):
            found[person], unused = unused, unused + 1
        centres, ids = now, found
        return found

    return assign


def ours(config: TrackConfig | None = None) -> Assign:
    tracker = Tracker(config)

    def assign(moment: Moment) -> NDArray[np.int64]:
        ids = tracker.update(moment.detected, moment.time).ids
        assert ids is not None
        return ids

    return assign


def score(scene: Scene, make: Callable[[], Assign], seeds: range) -> dict[str, float]:
    """IDF1, id switches and MOTA over several runs of a scene."""
    accumulators = []
    for seed in seeds:
        assign, accumulator = make(), motmetrics.MOTAccumulator(auto_id=True)
        for moment in play(scene, seed):
            ids = assign(moment)
            known = ids >= 0
            accumulator.update(
                moment.ids, ids[known], _distances(moment.truth, moment.detected.keypoints[known])
            )
        accumulators.append(accumulator)
    summary = motmetrics.metrics.create().compute_many(
        accumulators, metrics=["idf1", "num_switches", "mota"], generate_overall=True
    )
    overall = summary.loc["OVERALL"]
    return {
        "IDF1": round(float(overall.idf1), 3),
        "switches": int(overall.num_switches),
        "MOTA": round(float(overall.mota), 3),
    }


def _distances(truth: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean distance of shared parts in body scales, NaN beyond half of one: no match."""
    if not len(truth) or not len(found):
        return np.empty((len(truth), len(found)))
    parts = np.linalg.norm(truth[:, None] - found, axis=3)
    shared = np.isfinite(parts).sum(2)
    spans = np.nanmax(truth, 1) - np.nanmin(truth, 1)
    scale = 0.5 * np.hypot(spans[:, 0], spans[:, 1])
    distances = np.nansum(parts, 2) / np.maximum(shared, 1) / scale[:, None]
    return np.where((shared > 0) & (distances < 0.5), distances, np.nan)


def jitter() -> dict[str, float]:
    """Variance of a still person, raw over smoothed, and the lag behind a walking one, frames."""
    rng = np.random.default_rng(0)
    rate, scale, noise = 30.0, 200.0, 0.012 * 200
    body = rng.uniform((0, 0), (200, 350), (18, 2)) + (400, 150)
    results = {}
    raw, smoothed = [], []
    tracker = Tracker()
    for frame in range(600):
        seen = body + rng.normal(0, noise, body.shape)
        raw.append(seen)
        smoothed.append(tracker.update(_person(seen), frame / rate).keypoints[0])
    still = slice(60, None)
    results["still: variance raw / smoothed"] = round(
        float(np.var(raw[still], axis=0).mean() / np.var(smoothed[still], axis=0).mean()), 1
    )
    for speed in (0.3, 1.0, 2.0):
        lags = []
        tracker = Tracker()
        for frame in range(90):
            true = body + (speed * scale * frame / rate, 0)
            seen = true + rng.normal(0, noise, body.shape)
            out = tracker.update(_person(seen), frame / rate).keypoints[0]
            if frame >= 30:
                lags.append((true - out)[:, 0].mean() / (speed * scale / rate))
        results[f"lag at {speed} bodies/s, frames"] = round(statistics.mean(lags), 2)
    return results


def _person(keypoints: NDArray[np.float64]) -> Poses:
    ones = np.ones((1, 18), np.float32)
    return Poses(keypoints[None].astype(np.float32), ones, ones[:, 0], COCO_18)


def cost(people: int) -> dict[str, float]:
    """Milliseconds an update takes."""
    tracker = Tracker()
    moments = play(Scene("cost", people, seconds=20, depths=(8, 20)), 1)
    updates = [partial(tracker.update, moment.detected, moment.time) for moment in moments]
    spent = [milliseconds(update)[0] for update in updates]
    low, median, high = np.percentile(spent[50:], [25, 50, 75])
    return {"median": round(median, 3), "IQR": round(high - low, 3)}


def main(
    seeds: Annotated[int, typer.Option(help="Runs of each scene.")] = 3,
    out: Out = None,
) -> None:
    """Print the tables and write them as JSON."""
    rivals = {"no tracking": no_tracking, "nearest neighbour": nearest_neighbour, "openpaf": ours}
    scores = show(
        COLUMNS,
        (
            {"scene": scene.name, "method": method, **score(scene, make, range(seeds))}
            for scene in SCENES
            for method, make in rivals.items()
        ),
    )
    smoothing = jitter()
    for name, value in smoothing.items():
        print(f"{name:40}{value:8.2f}")
    costs = {people: cost(people) for people in (1, 5, 20, 50)}
    for people, row in costs.items():
        print(f"{f'ms an update, {people} people':40}{row['median']:8.3f}")
    figures = {"seeds": list(range(seeds)), "scenes": scores, "smoothing": smoothing}
    versions = ("numpy", "numba", "scipy", "motmetrics")
    publish("track", figures | {"update_ms": costs}, out, versions=versions)


if __name__ == "__main__":
    typer.run(main)
