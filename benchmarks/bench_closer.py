"""What a second look, hands and faces cost in a stream, by the number of people.

    python -m benchmarks.bench_closer coco_val --people 1,3,10,30

A photograph of about so many people comes again and again, as from a file; people are followed.
Where no photograph shows enough, copies of it stand side by side. All ways take turns. Writes
`closer--<machine>--<device>.json`, whose `rows` hold

    looks                       str: "body", "refine", "hands", "face", "hands, face"
    asked, people               int: people wanted, and found
    net_size                    "WxH"
    frames_per_second           float, the median of the rounds
    of_body                     float: the same, as a share of what the body alone makes
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.tools.options import Out, read_counts
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf import Engine
from openpaf.evaluate import read_folder
from openpaf.frame import to_frame
from openpaf.selftest.rates import Still
from openpaf.sources.source import Shot
from openpaf.stream import Stream

WAYS: dict[str, dict[str, Any]] = {
    "body": {},
    "refine": {"refine": True},
    "hands": {"hands": True},
    "face": {"face": True},
    "hands, face": {"hands": True, "face": True},
}
COLUMNS = columns(
    "looks | people | net size = net_size | frames/s = frames_per_second:.1f | "
    "of body = of_body:.2f"
)


class Again(Still):
    """A frame, (H, W, 3) uint8 BGR, so many times."""

    def __init__(self, frame: NDArray[np.uint8], count: int) -> None:
        super().__init__(frame)
        self._left = count

    def read(self) -> Shot | None:
        """The frame, as long as there is any."""
        self._left -= 1
        return super().read() if self._left >= 0 else None


def count_people(folder: Path, options: dict[str, Any]) -> dict[Path, int]:
    """Photographs of a folder and how many people an engine finds in each, where it finds any."""
    with Engine(**options) as engine:
        found = {one.path: len(engine.detect(one.path)) for one in read_folder(folder).images}
    return {path: people for path, people in found.items() if people}


def frame_of(found: dict[Path, int], count: int) -> tuple[NDArray[np.uint8], int]:
    """The photograph whose number of people, or a multiple of it, comes nearest; that number."""
    path = min(found, key=lambda path: (abs(_times(found[path], count) - count), -found[path]))
    people = _times(found[path], count)
    return np.tile(to_frame(path), (1, people // found[path], 1)), people


def _times(people: int, count: int) -> int:
    return people * max(1, round(count / people))


def frames_per_second(engine: Engine, frame: NDArray[np.uint8], frames: int) -> tuple[float, int]:
    """Of a stream, from its first result on; and how many people were found."""
    arrived, people = [], 0
    with Stream(engine, Again(frame, frames), track=True) as stream:
        for result in stream.results():
            arrived.append(time.perf_counter())
            people = len(result.poses)
    return (len(arrived) - 1) / (arrived[-1] - arrived[0]), people


def rows(
    ways: list[str],
    counts: list[int],
    folder: Path,
    options: dict[str, Any],
    frames: int,
    rounds: int,
) -> Iterator[dict[str, Any]]:
    """A row a number of people and way."""
    found = count_people(folder, options)
    engines = {way: Engine(**options, **WAYS[way], refine_limit=max(counts)) for way in ways}
    for count in counts:
        frame, _ = frame_of(found, count)
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, engine in engines.items():
                rate, people = frames_per_second(engine, frame, frames)
                rates[way].append(rate)
        size = engine.placement(frame.shape[1], frame.shape[0]).net_size
        middle = {way: statistics.median(taken) for way, taken in rates.items()}
        for way in ways:
            yield {
                "looks": way,
                "asked": count,
                "people": people,
                "net_size": "{}x{}".format(*size),
                "frames_per_second": middle[way],
                "of_body": middle[way] / middle[ways[0]],
            }


def main(
    folder: Annotated[Path, typer.Argument(help="As for openpaf val: photographs of people.")],
    people: Annotated[str, typer.Option(help="How many, comma separated.")] = "1,3,10,30",
    looks: Annotated[
        str | None, typer.Option(help="Some of them; semicolons between.", show_default="all")
    ] = None,
    model: Annotated[str, typer.Option()] = "default-int8",
    device: Annotated[str, typer.Option()] = "openvino",
    net_height: Annotated[int | None, typer.Option(min=16)] = None,
    frames: Annotated[int, typer.Option(min=3, help="Of a stream.")] = 60,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    out: Out = None,
) -> None:
    """Let the ways take turns; print a table and write JSON."""
    ways = list(WAYS) if looks is None else [w.strip() for w in looks.split(";")]
    options = {"model": model, "device": device, "net_height": net_height, "spinning": False}
    table = show(COLUMNS, rows(ways, read_counts(people), folder, options, frames, rounds))
    publish("closer", {"rows": table, "model": model}, out)


if __name__ == "__main__":
    typer.run(main)
