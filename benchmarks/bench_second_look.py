"""What a second look at each person costs and gives, beside a detector and a window network.

    python -m benchmarks.bench_second_look --annotated coco_val
    python -m benchmarks.bench_second_look --annotated coco_val \\
        --window window.onnx --detector picodet.xml --rival pp-tinypose.xml

Three ways to everyone's parts: one look at the frame, one look and a second at each person, and
the detector with a window network of its own. Times are those of a made-up frame with seeded
crowds; AP, with its 95 % interval, is of the annotated pictures. Writes
`second-look--<machine>--<device>.json`, whose `rows` hold

    way, model, runtime         str: "one look", "second look" or "top-down"
    net_height                  int, px, of the first look; null for top-down
    people                      int, in the frame
    ms                          float: the whole way
    AP, AP_low, AP_high         float, null without --annotated

`windows` the milliseconds of one window on one thread, and `crossings` how many people it takes
for the first way of a pair to be the faster one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.bench_people import cost_of_crowds
from benchmarks.scenes.clips import random_frames
from benchmarks.tools import top_down
from benchmarks.tools.engines import FRAME_SIZE, RUNTIMES
from benchmarks.tools.options import Out, read_counts, read_words
from benchmarks.tools.report import count_along, publish
from benchmarks.tools.tables import columns, show
from openpaf import DecoderConfig, Engine
from openpaf.evaluate import evaluate, read_folder
from openpaf.evaluate.average_precision import FoundPeople, PrecisionCounter, match_people
from openpaf.evaluate.bootstrap import bootstrap
from openpaf.evaluate.dataset import KeypointFolder
from openpaf.selftest.timing import measure
from openpaf.session import open_runtime
from openpaf.skeleton import COCO_17
from openpaf.topdown import Detector, WindowNetwork
from openpaf.topdown.refine import find_window_network

_MOST_PEOPLE = 1000
COLUMNS = columns(
    "way | model | runtime | net height = net_height | people | ms:,.1f | AP = ap",
    ap=lambda row: "" if row["AP"] is None else f"{row['AP']:.3f}",
)


def boxes_of(count: int) -> np.ndarray:
    """(N, 4) boxes of people as tall as a third of the frame, beside one another."""
    width, height = FRAME_SIZE
    left = np.linspace(0, width - height / 8, count)
    top = np.full(count, height / 3)
    return np.stack([left, top, left + height / 8, top + height / 3], axis=1)


def windows_ms(network: WindowNetwork, count: int, repeats: int) -> float:
    """Milliseconds of so many windows, cut, looked at and read."""
    frame = random_frames(1, FRAME_SIZE)[0]
    look = partial(network.look, frame, network.around(boxes_of(count)))
    return measure([look], repeats=repeats).median_ms


def with_engine(
    options: Mapping[str, Any], counts: list[int], repeats: int, dataset: KeypointFolder | None
) -> Iterator[dict[str, Any]]:
    """Rows of one look, and of a second look where the options ask for it."""
    with Engine(**options) as engine:
        row = {
            "way": "one look" if engine.refiner is None else "second look",
            "model": engine.card.name,
            "runtime": RUNTIMES[options["device"]],
            "net_height": engine.net_height,
        } | precision_of(engine, dataset)
        for cost in cost_of_crowds(counts, 4, repeats, engine):
            again = 0.0
            if engine.refiner is not None:
                again = windows_ms(engine.refiner.network, cost["people"], repeats)
            yield row | {"people": cost["people"], "ms": cost["whole_ms"] + again}


def with_detector(
    detector: Detector,
    network: WindowNetwork,
    about: Mapping[str, Any],
    counts: list[int],
    repeats: int,
    dataset: KeypointFolder | None,
) -> Iterator[dict[str, Any]]:
    """Rows of the detector and its window network."""
    frame = random_frames(1, FRAME_SIZE)[0]
    once = measure([partial(detector.find, frame)], repeats=repeats).median_ms
    found = None if dataset is None else top_down.find_all(dataset, detector, network)
    ap = precision(dataset, found)
    for count in counts:
        ms = once + windows_ms(network, count, repeats)
        yield {**about, "way": "top-down", "net_height": None, "people": count, "ms": ms, **ap}


def precision_of(engine: Engine, dataset: KeypointFolder | None) -> dict[str, float | None]:
    """AP of an engine as `openpaf val` has it."""
    if dataset is None:
        return precision(None, None)
    (evaluation,) = evaluate(engine, dataset, {"": DecoderConfig()}).values()
    ap = evaluation.report.ap
    return {"AP": ap.value, "AP_low": ap.low, "AP_high": ap.high}


def precision(
    dataset: KeypointFolder | None, found: list[FoundPeople] | None
) -> dict[str, float | None]:
    """AP of people in COCO's 17 parts."""
    if dataset is None or found is None:
        return dict.fromkeys(("AP", "AP_low", "AP_high"))
    counter = PrecisionCounter(match_people(dataset.images, found, COCO_17.sigmas))
    ap = bootstrap(counter.summarize, len(dataset.images), resamples=1000)["AP"]
    return {"AP": ap.value, "AP_low": ap.low, "AP_high": ap.high}


def crossings(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each of our ways, from how many people on it is faster than the detector's."""
    rivals = {row["people"]: row["ms"] for row in rows if row["way"] == "top-down"}
    found: dict[tuple[str, int], int | None] = {}
    for row in rows:
        if row["way"] != "top-down" and row["people"] in rivals:
            key = (row["way"], row["net_height"])
            faster = row["ms"] < rivals[row["people"]]
            first = found.get(key)
            found[key] = (row["people"] if first is None else first) if faster else None
    return [
        {"way": way, "net_height": height, "people": people}
        for (way, height), people in found.items()
    ]


def draw_chart(record: Mapping[str, Any], plt: Any) -> Any:
    """Milliseconds against people, a line a way and height, AP in its name."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for row in record["rows"]:
        height = "" if row["net_height"] is None else f" at {row['net_height']} px"
        ap = "" if row["AP"] is None else f", AP {row['AP']:.2f}"
        lines.setdefault(f"{row['way']}{height} ({row['runtime']}){ap}", []).append(row)
    for name, rows in lines.items():
        style = {"one look": "--", "second look": "-", "top-down": ":"}[rows[0]["way"]]
        people, times = [row["people"] for row in rows], [row["ms"] for row in rows]
        axes.plot(people, times, style, label=name, marker=".")
    count_along(axes, [row["people"] for row in record["rows"]], "people in the frame")
    axes.set(yscale="log", ylabel="ms a frame")
    axes.legend(fontsize=7)
    axes.set_title(f"People and time on {record['circumstances']['processor']}", fontsize=10)
    return figure


def main(
    window: Annotated[
        str | None, typer.Option(help="Window network.", show_default="the bundled one")
    ] = None,
    net_heights: Annotated[str, typer.Option(help="Of the first look, px.")] = "368,276,184",
    model: Annotated[str, typer.Option(help="Of the first look.")] = "default-int8",
    device: Annotated[str, typer.Option(help="cpu or openvino, for all of them.")] = "openvino",
    detector: Annotated[Path | None, typer.Option(help="Of the rival.")] = None,
    rival: Annotated[Path | None, typer.Option(help="Window network of the rival.")] = None,
    annotated: Annotated[
        Path | None, typer.Option(file_okay=False, exists=True, help="Pictures to measure AP on.")
    ] = None,
    people: Annotated[str, typer.Option(help="In the frame.")] = "1,2,3,5,10,20,30",
    repeats: Annotated[int, typer.Option(min=1)] = 30,
    out: Out = None,
) -> None:
    """Time one look, two looks and a detector's way against people in the frame."""
    if (detector is None) != (rival is None):
        raise typer.BadParameter("--detector and --rival belong together")
    counts = read_counts(people)
    dataset = None if annotated is None else read_folder(annotated)
    path = find_window_network(True if window is None else window)
    second = {"refine": path, "refine_limit": _MOST_PEOPLE}
    ways = [
        {"model": model, "device": device, "net_height": int(height), **extra}
        for height in read_words(net_heights)
        for extra in ({}, second)
    ]
    rows: list[dict[str, Any]] = []
    for options in ways:
        rows += show(COLUMNS, with_engine(options, counts, repeats, dataset))
    files = [path]
    if detector is not None and rival is not None:
        files.append(rival)
        theirs = Detector(open_runtime(detector, device=device))
        network = WindowNetwork(open_runtime(rival, device=device))
        about = {"model": f"{theirs.card.name} + {network.card.name}", "runtime": RUNTIMES[device]}
        rows += show(COLUMNS, with_detector(theirs, network, about, counts, repeats, dataset))
    windows = []
    for file in files:
        for name, runtime in RUNTIMES.items():
            if name == "cpu" and file.suffix == ".xml":
                continue
            one = WindowNetwork(open_runtime(file, device=name, threads=1))
            ms = windows_ms(one, 1, repeats)
            windows.append({"model": one.card.name, "runtime": runtime, "ms": ms})
            typer.echo(f"{one.card.name}: {ms:.1f} ms a window on one thread of {runtime}")
    for crossing in crossings(rows):
        where = f"{crossing['way']} at {crossing['net_height']} px"
        when = "never" if crossing["people"] is None else f"from {crossing['people']} people on"
        typer.echo(f"{where} is faster than the detector's way: {when}")
    figures = {"rows": rows, "windows": windows, "crossings": crossings(rows)}
    publish("second-look", figures, out, draw_chart)


if __name__ == "__main__":
    typer.run(main)
