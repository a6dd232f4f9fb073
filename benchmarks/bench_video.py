"""How fast are files of video read beside OpenCV, and does reading a long one fill the memory?

    python -m benchmarks.bench_video speed
    python -m benchmarks.bench_video memory

`speed` reads a film of H.264 to its end, every frame as BGR in hand, through `open_source` and
through `cv2.VideoCapture`, one after the other in so many rounds. The ratio of a round is what
tells, because whatever disturbs one of the two disturbs the other.

`memory` reads a long film at 4K and looks at the memory of its process after each tenth of it.
Films are made from seeded scenes; the long one is a short one over and over, in one file.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer

from benchmarks.scenes.clips import wandering_discs
from benchmarks.scenes.films import RATE, repeat_film, write_film
from benchmarks.tools.options import Out
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from benchmarks.tools.timing import milliseconds
from openpaf.cli.options import read_size
from openpaf.sources import open_source

_VERSIONS = ("av", "cv2", "numpy")
# Of the scene that a long film repeats.
_SECONDS = 10
_LOOKS = 10

SPEED_COLUMNS = columns(
    "round:.0f | PyAV, frames/s = pyav:.1f | OpenCV, frames/s = opencv:.1f | ratio:.3f"
)
MEMORY_COLUMNS = columns("minute:.1f | frames:.0f | RSS, MB = rss_mb:.0f")

app = typer.Typer(help=__doc__, no_args_is_help=True)

Clip = Annotated[Path | None, typer.Option(help="Read this; made when left out.")]


def by_pyav(film: Path) -> int:
    """Frames read as `openpaf run` reads them."""
    source = open_source(film)
    count = 0
    while source.read() is not None:
        count += 1
    source.close()
    return count


def by_opencv(film: Path) -> int:
    """Frames read as anybody would."""
    capture = cv2.VideoCapture(str(film))
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


@contextmanager
def film_of(clip: Path | None, seconds: float, size: tuple[int, int]) -> Iterator[Path]:
    """The clip given, or one of so many seconds for as long as it is needed."""
    if clip is not None:
        yield clip
        return
    with tempfile.TemporaryDirectory() as folder:
        short, film = Path(folder, "short.mp4"), Path(folder, "film.mp4")
        once = min(seconds, _SECONDS)
        write_film(short, wandering_discs(round(once * RATE), size), size)
        repeat_film(film, short, round(seconds / once))
        yield film


def alternating(film: Path, rounds: int) -> Iterator[dict[str, Any]]:
    """A row a round; who begins changes."""
    ways: list[tuple[str, Callable[[Path], int]]] = [("pyav", by_pyav), ("opencv", by_opencv)]
    for number in range(rounds):
        row: dict[str, Any] = {"round": number + 1}
        for name, read in ways if number % 2 == 0 else reversed(ways):
            taken, row["frames"] = milliseconds(lambda read=read: read(film))
            row[name] = 1000 * row["frames"] / taken
        yield row | {"ratio": row["pyav"] / row["opencv"]}


def filling(film: Path) -> Iterator[dict[str, Any]]:
    """Memory in use after each tenth of a film."""
    source = open_source(film)
    step, count = max(1, (source.frame_count or _LOOKS) // _LOOKS), 0
    while source.read() is not None:
        count += 1
        if count % step == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
            minute = count / (source.frame_rate or RATE) / 60
            yield {"minute": minute, "frames": count, "rss_mb": megabytes}
    source.close()


@app.command()
def speed(
    clip: Clip = None,
    seconds: Annotated[float, typer.Option(help="Of the film made.")] = 60,
    size: Annotated[str, typer.Option(help="Of the film made.")] = "1920x1080",
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    out: Out = None,
) -> None:
    """Frames a second, BGR in hand, PyAV and OpenCV taking turns."""
    with film_of(clip, seconds, read_size(size, "--size")) as film:
        rows = show(SPEED_COLUMNS, alternating(film, rounds))
    ratio = statistics.median(row["ratio"] for row in rows)
    print(f"median ratio {ratio:.3f} of {rows[0]['frames']} frames")
    publish("video-speed", {"rows": rows, "ratio": ratio}, out, versions=_VERSIONS)


@app.command()
def memory(
    clip: Clip = None,
    seconds: Annotated[float, typer.Option(help="Of the film made.")] = 600,
    size: Annotated[str, typer.Option(help="Of the film made.")] = "3840x2160",
    out: Out = None,
) -> None:
    """Megabytes while a long film is read; what is grown from the second look on should be none."""
    with film_of(clip, seconds, read_size(size, "--size")) as film:
        rows = show(MEMORY_COLUMNS, filling(film))
    grown = rows[-1]["rss_mb"] - rows[min(1, len(rows) - 1)]["rss_mb"]
    print(f"grown by {grown:.1f} MB since minute {rows[min(1, len(rows) - 1)]['minute']:.1f}")
    publish("video-memory", {"rows": rows, "grown_mb": grown}, out, versions=_VERSIONS)


if __name__ == "__main__":
    app()
