"""How throughput grows with worker processes, and with frames in flight in one process.

    python -m benchmarks.bench_scaling

Four ways to keep a machine busy: processes with an engine of one thread each; threads that share
such an engine; threads that share an engine with a thread a core; batches on that one. The ideal is
what one process does, times the workers, and no more than the cores can give. Every point is the
median of several rounds of a fixed time; all workers of a round start together.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.scenes.clips import Frame, random_frames
from benchmarks.tools.engines import (
    FRAME_SIZE,
    MODELS,
    Models,
    Variant,
    by_name,
    read_size,
    variants,
)
from benchmarks.tools.options import Out
from benchmarks.tools.report import count_along, legend_below, panel_grid, publish
from benchmarks.tools.tables import columns, show
from benchmarks.tools.timing import a_second
from openpaf import Engine, OpenPafError
from openpaf.selftest.machine import usable_cores

PROCESSES = "processes, 1 thread each"
THREADS_ON_ONE = "threads, engine of 1 thread"
THREADS_ON_ALL = "threads, engine of all cores"
BATCHES = "batches, engine of all cores"
# Starting a process, importing and compiling takes seconds; something is wrong after this many.
_PATIENCE_S = 120

Way = tuple[str, int, Callable[[float, int], list[float]]]
"""Its name, workers or frames in flight, and what measures it for so many seconds and rounds."""

COLUMNS = columns(
    "model | runtime | way | count | frames/s = frames_a_second:,.1f | IQR = iqr:,.1f | "
    "times one = ratio_to_one:,.2f",
)


def detect_one(engine: Engine, frame: Frame) -> int:
    engine.detect(frame)
    return 1


def detect_batch(engine: Engine, frames: list[Frame]) -> int:
    engine.detect_batch(frames, batch_size=len(frames))
    return len(frames)


def worker(
    variant: Variant, size: str, seconds: float, rounds: int, start: Any, rates: Any
) -> None:
    """A process with an engine of its own; sends its frames/s after every round."""
    engine = Engine(
        variant.model, device=variant.device, threads=1, spinning=False, **read_size(size)
    )
    engine.warm_up(FRAME_SIZE)
    work = partial(detect_one, engine, random_frames(1, FRAME_SIZE)[0])
    for _ in range(rounds):
        start.wait(_PATIENCE_S)
        rates.put(a_second(work, seconds))


def by_processes(
    variant: Variant, size: str, count: int, seconds: float, rounds: int
) -> list[float]:
    """Frames/s of all processes together, a figure a round."""
    context = multiprocessing.get_context("spawn")
    start, rates = context.Barrier(count), context.Queue()
    arguments = (variant, size, seconds, rounds, start, rates)
    processes = [context.Process(target=worker, args=arguments, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        # Nobody begins a round before everyone has ended the one before: each comes in whole.
        return [
            sum(rates.get(timeout=_PATIENCE_S + seconds) for _ in processes) for _ in range(rounds)
        ]
    finally:
        for process in processes:
            process.join(_PATIENCE_S)


def by_threads(engine: Engine, count: int, seconds: float, rounds: int) -> list[float]:
    """Frames/s of threads that share an engine, a figure a round."""
    start, (frame,) = threading.Barrier(count), random_frames(1, FRAME_SIZE)

    def one(_: int) -> float:
        start.wait()
        return a_second(partial(detect_one, engine, frame), seconds)

    with ThreadPoolExecutor(count) as pool:
        return [sum(pool.map(one, range(count))) for _ in range(rounds)]


def by_batches(engine: Engine, count: int, seconds: float, rounds: int) -> list[float]:
    """Frames/s of batches, a figure a round."""
    frames = [*random_frames(1, FRAME_SIZE)] * count
    return [a_second(partial(detect_batch, engine, frames), seconds) for _ in range(rounds)]


def ways(variant: Variant, size: str, workers: list[int], in_flight: list[int]) -> Iterator[Way]:
    """Every way and number to measure."""
    options = {"device": variant.device, **read_size(size)}
    with Engine(variant.model, threads=1, spinning=False, **options) as engine:
        # Before the processes: what is wrong with a model is said here, in one line.
        engine.warm_up(FRAME_SIZE)
        for count in in_flight:
            yield THREADS_ON_ONE, count, partial(by_threads, engine, count)
    for count in workers:
        yield PROCESSES, count, partial(by_processes, variant, size, count)
    with Engine(variant.model, **options) as engine:
        engine.warm_up(FRAME_SIZE)
        for count in in_flight:
            yield THREADS_ON_ALL, count, partial(by_threads, engine, count)
        for count in in_flight:
            if count <= (engine.session.max_batch or count):
                yield BATCHES, count, partial(by_batches, engine, count)


def bench(
    models: str, size: str, workers: list[int], in_flight: list[int], seconds: float, rounds: int
) -> Iterator[dict[str, Any]]:
    """Points of every network and runtime; the reason where it has none, or no more."""
    for variant in variants(models):
        try:
            yield from points(variant, ways(variant, size, workers, in_flight), seconds, rounds)
        except OpenPafError as error:
            yield {**variant.record(), "reason": str(error)}


def points(
    variant: Variant, ways: Iterable[Way], seconds: float, rounds: int
) -> Iterator[dict[str, Any]]:
    """A row a way and number: frames/s, and its ratio to one worker of the same way."""
    firsts: dict[str, float] = {}
    for way, count, measured in ways:
        low, rate, high = np.percentile(measured(seconds, rounds), [25, 50, 75])
        first = firsts.setdefault(way, rate)
        yield {
            **variant.record(),
            "way": way,
            "count": count,
            "frames_a_second": rate,
            "iqr": high - low,
            "rounds": rounds,
            "ratio_to_one": rate / first,
        }


def doubling(most: int) -> list[int]:
    """1, 2, 4, ... and the most itself."""
    return sorted({*(2**power for power in range(most.bit_length())), most})


def draw_chart(record: Mapping[str, Any], plt: Any) -> Any:
    """Frames/s against workers or frames in flight, a panel a network and runtime."""
    panels = by_name(record["rows"])
    figure, grid = panel_grid(plt, list(panels))
    for panel, axes in grid.items():
        rows = panels[panel]
        for way in dict.fromkeys(row["way"] for row in rows):
            dots = [(row["count"], row["frames_a_second"]) for row in rows if row["way"] == way]
            axes.plot(*zip(*dots, strict=True), "o-", markersize=4, label=way)
        one = next(row["frames_a_second"] for row in rows if row["way"] == PROCESSES)
        counts = sorted({row["count"] for row in rows})
        ideal = [one * min(count, record["cores"]) for count in counts]
        axes.plot(counts, ideal, "k--", linewidth=1, label="ideal")
        count_along(axes, counts, "workers or frames in flight")
        axes.set(ylabel="frames/s")
    for axes in grid.values():
        # Only now: a scale once set no longer grows with what is drawn, in any of the panels.
        axes.set_ylim(bottom=0)
    processor, cores = record["circumstances"]["processor"], record["cores"]
    figure.suptitle(f"Throughput on {cores} cores of {processor}", fontsize=10)
    legend_below(figure, 3)
    return figure


def main(
    models: Models = MODELS,
    size: Annotated[str, typer.Option(help="Net size or net height.")] = "456x256",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Most processes; one a core by default.")
    ] = None,
    in_flight: Annotated[int, typer.Option(min=1, help="Most threads, and frames a batch.")] = 8,
    seconds: Annotated[float, typer.Option(help="How long a round is.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, help="Of every point.")] = 5,
    out: Out = None,
) -> None:
    """Measure throughput against workers and frames in flight; write a table, JSON and a chart."""
    cores = usable_cores()
    counts = doubling(workers or cores), doubling(in_flight)
    rows = show(COLUMNS, bench(models, size, *counts, seconds, rounds))
    figures = {"cores": cores, "size": size, "seconds_a_round": seconds, "rows": rows}
    publish("scaling", figures, out, draw_chart)


if __name__ == "__main__":
    typer.run(main)
