"""Which net height and looks hold a frame rate here, by the number of people in the frame?

    python -m benchmarks.bench_rates coco_val --people 1,3,10 --rates 5,10,25,50

What `openpaf run --target-fps` would take of a camera that shows one photograph of about so many
people again and again. Writes `rates--<machine>--<device>.json`, whose `rows` hold

    rate, people                float and int: frames/s asked for, people in the photograph
    net_height, looks, refine   int, px; a name of looks; bool
    frames_per_second           float, in the trial
    holds                       bool
    AP                          of that way of looking, on pictures of COCO train
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from numpy.typing import NDArray

from benchmarks.bench_closer import count_people, frame_of
from benchmarks.tools.options import Out, read_counts
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf import Engine
from openpaf.selftest.rates import MODES, REFINED, Mode, Still, pick
from openpaf.stream import Stream

COLUMNS = columns(
    "people | frames/s asked = rate:g | net height = net_height | looks | "
    "looked at again = refine | frames/s = frames_per_second:.1f | holds | AP:.3f"
)


def open_stream(frame: NDArray[Any], options: dict[str, Any], mode: Mode) -> Stream:
    """A stream of a frame, looked at in a mode."""
    return Stream(Engine(**options, **mode.options), Still(frame))


def rows(
    rates: list[int], counts: list[int], folder: Path, options: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """A row a number of people and rate."""
    found = count_people(folder, options)
    for count in counts:
        frame, people = frame_of(found, count)
        for rate in rates:
            picked = pick(partial(open_stream, frame, options), rate, MODES, REFINED)
            yield {
                "rate": rate,
                "people": people,
                "net_height": picked.mode.net_height,
                "looks": picked.mode.looks,
                "refine": picked.mode.refine,
                "frames_per_second": picked.frame_rate,
                "holds": picked.holds,
                "AP": picked.mode.ap,
            }


def main(
    folder: Annotated[Path, typer.Argument(help="As for openpaf val: photographs of people.")],
    people: Annotated[str, typer.Option(help="How many, comma separated.")] = "1,3,10",
    rates: Annotated[str, typer.Option(help="Frames/s, comma separated.")] = "5,10,25,50",
    model: Annotated[str, typer.Option()] = "default-int8",
    device: Annotated[str, typer.Option()] = "openvino",
    out: Out = None,
) -> None:
    """Try ways of looking at each; print a table and write JSON."""
    options = {"model": model, "device": device, "spinning": False}
    table = show(COLUMNS, rows(read_counts(rates), read_counts(people), folder, options))
    publish("rates", {"rows": table, "model": model}, out)


if __name__ == "__main__":
    typer.run(main)
