"""What every mode of looking is worth: AP on annotated pictures against milliseconds a picture.

    python -m benchmarks.bench_modes coco_val --models default,default-int8,other.xml
    python -m benchmarks.bench_modes coco_train --pictures 300 --resamples 100 --out train.json

A mode is a network on a runtime, a net height, looks, and whether people are looked at once more.
Writes `modes--<folder>--<device>.json` and a chart of it, milliseconds on a logarithmic axis. Its
`rows` hold

    model, runtime              str
    net_height, looks, refine   int, px; a name of looks; bool
    AP, AP_low, AP_high         OKS-AP and its 95 % interval, drawing the pictures anew
    APM, APL                    of medium and of large people
    ms                          median of a picture: preprocessing, network, decoder, second look
    pictures                    int

or, in place of the figures, a `reason`; `published` what the makers of other networks say of them.
The README shows the chart and these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.readme import MODES
from benchmarks.tools.engines import MODELS, Models, Variant, by_name, variants
from benchmarks.tools.options import Out
from benchmarks.tools.record import VERSIONS, result_path
from benchmarks.tools.report import legend_below, publish
from benchmarks.tools.tables import show
from openpaf import DecoderConfig, Engine, OpenPafError
from openpaf.evaluate import KeypointFolder, evaluate, read_folder
from openpaf.topdown.refine import find_window_network


@dataclass(frozen=True)
class Mode:
    """A way of looking."""

    net_height: int
    looks: str = "one"
    refine: bool = False


EVERY_MODE = (
    *(Mode(height) for height in (144, 192, 256, 320, 368, 448)),
    *(Mode(256, looks) for looks in ("close", "accurate", "best")),
    *(Mode(368, looks) for looks in ("close", "accurate", "best")),
    *(Mode(height, "one", refine=True) for height in (144, 192, 256, 320, 368)),
    *(Mode(height, "best", refine=True) for height in (256, 368)),
    Mode(368, "close", refine=True),
)
THE_SIZES = tuple(mode for mode in EVERY_MODE if mode.looks == "one" and not mode.refine)
"""What is measured of networks that are not ours, to stand beside them."""

PUBLISHED = tuple(
    {"model": model, "AP": ap, "ms": ms}
    for model, ap, ms in (
        ("MoveNet Lightning, int8", 0.574, 52),
        ("MoveNet Lightning, fp16", 0.630, 60),
        ("MoveNet Thunder, int8", 0.689, 100),
        ("MoveNet Thunder, fp16", 0.720, 155),
    )
)
"""Of https://www.tensorflow.org/lite/examples/pose_estimation/overview: pictures cropped to one
person each, four threads of a Pixel 5. Neither pictures nor machine are ours."""


def look(variant: Variant, mode: Mode, dataset: KeypointFolder, resamples: int) -> dict[str, Any]:
    """The figures of a row."""
    options: dict[str, Any] = {"net_height": mode.net_height, "looks": mode.looks}
    with Engine(variant.model, device=variant.device, refine=mode.refine, **options) as engine:
        if engine.net_size is not None:
            return {"reason": f"takes {engine.net_size[0]}x{engine.net_size[1]} only"}
        evaluations = evaluate(engine, dataset, {"": DecoderConfig()}, resamples=resamples)
    report = evaluations[""].report
    return {
        "AP": report.ap.value,
        "AP_low": report.ap.low,
        "AP_high": report.ap.high,
        "APM": report.figures["APM"].value,
        "APL": report.figures["APL"].value,
        "ms": report.speed["network ms"] + report.speed["decoder ms"],
        "pictures": report.data.images,
    }


def modes() -> Iterator[Mode]:
    """Every mode that this version can look in: a second look needs a window network."""
    try:
        find_window_network(refine=True)
    except OpenPafError:
        yield from (mode for mode in EVERY_MODE if not mode.refine)
    else:
        yield from EVERY_MODE


def bench(models: str, dataset: KeypointFolder, resamples: int) -> Iterator[dict[str, Any]]:
    """A row a network, runtime and mode."""
    for variant in variants(models):
        ours = variant.model in MODELS.split(",")
        for mode in modes() if ours else THE_SIZES:
            about = variant.record() | vars(mode)
            try:
                yield about | look(variant, mode, dataset, resamples)
            except OpenPafError as error:
                yield about | {"reason": str(error)}


def draw(record: Mapping[str, Any], plt: Any) -> Any:
    """AP against milliseconds, a colour a network and runtime, a mark a kind of mode."""
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for n, (title, rows) in enumerate(sorted(by_name(record["rows"]).items())):
        for mark, kind in (("o-", "one"), ("s", "looks"), ("^", "refine")):
            chosen = sorted((row for row in rows if kind_of(row) == kind), key=lambda r: r["ms"])
            axes.plot(
                [row["ms"] for row in chosen],
                [row["AP"] for row in chosen],
                mark,
                color=f"C{n}",
                markersize=5,
                label=title if kind == "one" else None,
            )
    for row in fastest(record["rows"]):
        axes.annotate(
            says(row), (row["ms"], row["AP"]), (-2, 5), textcoords="offset points", fontsize=6,
            horizontalalignment="right",
        )  # fmt: skip
    for one in record["published"]:
        axes.plot(one["ms"], one["AP"], "x", color="grey")
        axes.annotate(
            one["model"], (one["ms"], one["AP"]), (4, 3), textcoords="offset points", fontsize=6
        )
    axes.plot([], [], "x", color="grey", label="published: one person a picture, four other cores")
    axes.plot([], [], "ks", markersize=5, label="more looks")
    if any(row["refine"] for row in record["rows"]):
        axes.plot([], [], "k^", markersize=5, label="each person looked at once more")
    axes.set(xscale="log", xlabel="ms a picture", ylabel=f"AP on {record['folder']}")
    ticks = [10, 20, 50, 100, 200, 500, 1000]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.grid(alpha=0.3)
    legend_below(figure, 3)
    return figure


def fastest(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of each network and mode the faster runtime's row: two names beside one another hide both."""
    best: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in rows:
        if "ms" in row:
            key = tuple(row[name] for name in ("model", "net_height", "looks", "refine"))
            best[key] = min(best.get(key, row), row, key=lambda one: one["ms"])
    return list(best.values())


def kind_of(row: Mapping[str, Any]) -> str:
    """What marks a mode in the chart."""
    return "refine" if row["refine"] else "one" if row["looks"] == "one" else "looks"


def says(row: Mapping[str, Any]) -> str:
    """What stands beside a point."""
    return f"{row['net_height']}" + ("" if row["looks"] == "one" else f" {row['looks']}")


def main(
    folder: Annotated[
        Path, typer.Argument(help="Holds images/ and COCO keypoints.", show_default=False)
    ],
    models: Models = MODELS,
    pictures: Annotated[
        int | None, typer.Option(min=1, help="Only so many.", show_default="all of them")
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the pictures.")] = 1000,
    out: Out = None,
) -> None:
    """Measure AP and milliseconds of every mode; print a table, write JSON and a chart."""
    dataset = read_folder(folder)
    dataset = replace(dataset, images=dataset.images[:pictures])
    title = folder.resolve().name
    figures = {
        "folder": title,
        "annotations_sha256": dataset.sha256,
        "resamples": resamples,
        "published": PUBLISHED,
        "rows": show(MODES, bench(models, dataset, resamples)),
    }
    path = out or result_path("modes", title)
    publish("modes", figures, path, draw, versions=(*VERSIONS, "pycocotools"))


if __name__ == "__main__":
    typer.run(main)
