"""What people in the frame cost the whole engine: the figure of the paper, on this machine.

    python -m benchmarks.bench_people
    python -m benchmarks.bench_people --photos coco_val

The network takes as long whoever is in the frame, so it is timed on a frame; the decoder is timed
on seeded crowds over fields of the same size. Where photographs are given, each is one dot: the
whole engine on it, against the people annotated in it (`images/` and COCO keypoints beside), or
found in it where nothing is annotated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.scenes.clips import random_frames
from benchmarks.tools.engines import (
    FRAME_SIZE,
    MODELS,
    Devices,
    Models,
    by_name,
    look_at_all,
    read_size,
)
from benchmarks.tools.options import Out, read_counts
from benchmarks.tools.report import COLORS, count_along, legend_below, panel_grid, publish
from benchmarks.tools.tables import columns, show
from benchmarks.tools.timing import milliseconds
from openpaf import Engine
from openpaf.evaluate import read_folder
from openpaf.frame import to_frame
from openpaf.preprocess import place
from openpaf.selftest.crowd import make_crowd
from openpaf.selftest.timing import measure
from openpaf.sources.listing import find_pictures

# Net px at net height 368, where the crowds of the decoder's benchmark are as tall.
_HEIGHTS, _AT = (60.0, 180.0), 368
_PHOTO_REPEATS = 5

COLUMNS = columns(
    "model | runtime | net size = net_size | people | found:,.1f | "
    "network, ms = network.median_ms:,.1f | decoder, ms = decoder.median_ms:,.2f | "
    "whole, ms = whole_ms:,.1f | decoder's share = share",
    share=lambda row: f"{100 * row['decoder'].median_ms / row['whole_ms']:.1f} %",
)


def cost_of_crowds(
    people: list[int], scenes: int, repeats: int, engine: Engine
) -> Iterator[dict[str, Any]]:
    """Network, decoder and whole of crowds of growing size; times are ms a frame."""
    engine.warm_up(FRAME_SIZE)
    frame = random_frames(1, FRAME_SIZE)[0]
    net_frame = engine.prepare(frame)
    width, height = net_frame.placement.net_size
    preprocess = measure([partial(engine.prepare, frame)], repeats=repeats)
    network = measure([partial(engine.predict, [net_frame])], repeats=repeats)
    grid = (width // engine.card.stride, height // engine.card.stride)
    heights = (_HEIGHTS[0] * height / _AT, _HEIGHTS[1] * height / _AT)
    for count in people:
        crowds = [
            make_crowd(count, seed, skeleton=engine.skeleton, grid=grid, heights=heights)
            for seed in range(scenes)
        ]
        calls = [partial(engine.decode, crowd.fields, net_frame.placement) for crowd in crowds]
        decoder = measure(calls, repeats=max(repeats // scenes, 1))
        yield {
            "net_size": (width, height),
            "people": count,
            "found": float(np.mean([len(call()) for call in calls])),
            "preprocess": preprocess,
            "network": network,
            "decoder": decoder,
            "whole_ms": preprocess.median_ms + network.median_ms + decoder.median_ms,
        }


def growth_percent(rows: Iterable[Mapping[str, Any]]) -> float:
    """How much more the largest crowd costs the whole engine than the smallest."""
    first, last = (pick(rows, key=lambda row: row["people"]) for pick in (min, max))
    return float(100 * (last["whole_ms"] / first["whole_ms"] - 1))


def photographs(folder: Path) -> list[tuple[Path, int | None]]:
    """Pictures of a folder and the people annotated in each, None where nothing is annotated."""
    if (folder / "images").is_dir():
        images = read_folder(folder).images
        return [(image.path, int((~image.crowd).sum())) for image in images]
    return [(picture.path, None) for picture in find_pictures([str(folder)])]


def cost_of_photos(
    photos: Iterable[tuple[Path, int | None]], engine: Engine
) -> Iterator[dict[str, Any]]:
    """The whole engine on each photograph, median of a few calls; times are ms."""
    for path, annotated in photos:
        frame = to_frame(path)
        engine.detect(frame)
        runs = [milliseconds(partial(engine.detect, frame)) for _ in range(_PHOTO_REPEATS)]
        found = runs[0][1]
        yield {
            "people": len(found) if annotated is None else annotated,
            "annotated": annotated is not None,
            "found": len(found),
            "whole_ms": median(taken for taken, _ in runs),
            "network_ms": median(poses.timings["network"] for _, poses in runs),
            "decoder_ms": median(poses.timings["decode"] for _, poses in runs),
        }


def draw_chart(record: Mapping[str, Any], plt: Any) -> Any:
    """Milliseconds against people, a panel a network and runtime."""
    panels, photos = by_name(record["rows"]), by_name(record["photos"])
    figure, grid = panel_grid(plt, list(panels))
    for panel, axes in grid.items():
        rows = panels[panel]
        people = [row["people"] for row in rows]
        for stage in ("network", "decoder"):
            times = [row[stage].median_ms for row in rows]
            axes.plot(people, times, "o-", color=COLORS[stage], markersize=4, label=stage)
        axes.plot(people, [row["whole_ms"] for row in rows], "k-", label="whole")
        dots = [(row["people"], row["whole_ms"]) for row in photos.get(panel, []) if row["people"]]
        if dots:
            axes.plot(*zip(*dots, strict=True), ".", color="#999999", zorder=0, label="photograph")
        count_along(axes, people, "people")
        axes.set(yscale="log", ylabel="ms a frame")
        axes.set_title(f"{panel}: {record['growth_percent'][panel]:+.1f} %", fontsize=9)
    figure.suptitle(f"People and time on {record['circumstances']['processor']}", fontsize=10)
    legend_below(figure, 4)
    return figure


def main(
    models: Models = MODELS,
    devices: Devices = None,
    size: Annotated[str, typer.Option(help="Net size, or net height of 16:9 frames.")] = "368",
    people: Annotated[str, typer.Option(help="Crowd sizes.")] = "1,2,5,10,20,50,100",
    scenes: Annotated[int, typer.Option(min=1, help="Seeded crowds of each size.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Of the network, and of each size.")] = 60,
    photos: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of photographs.")
    ] = None,
    out: Out = None,
) -> None:
    """Time network and decoder against people in the frame; write a table, JSON and a chart."""
    counts = read_counts(people)
    # Photographs of every shape see one net size, so that only people tell them apart.
    options = {"net_size": place(FRAME_SIZE, **read_size(size)).net_size}
    crowds = partial(cost_of_crowds, counts, scenes, repeats)
    rows = show(COLUMNS, look_at_all(models, crowds, devices, **options))
    dots: list[dict[str, Any]] = []
    if photos:
        dots += look_at_all(
            models, partial(cost_of_photos, photographs(photos)), devices, **options
        )
    growth = {panel: growth_percent(ours) for panel, ours in by_name(rows).items()}
    for panel, percent in growth.items():
        typer.echo(f"{panel}: {max(counts)} people cost {percent:+.1f} % more than {min(counts)}")
    dots = [dot for dot in dots if "reason" not in dot]
    figures = {"seeds": list(range(scenes)), "growth_percent": growth, "rows": rows, "photos": dots}
    publish("people", figures, out, draw_chart)


if __name__ == "__main__":
    typer.run(main)
