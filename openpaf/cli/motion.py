"""Options and checks that the verbs for recordings share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from openpaf.errors import ConfigError, OutputError
from openpaf.motion import Scale, Smoothing


class Facing(str, Enum):
    """Which side of the frame people face."""

    auto = "auto"
    left = "left"
    right = "right"
    none = "none"


Recording = Annotated[
    str,
    typer.Argument(
        metavar="RECORDING",
        help=".ndjson, .csv or .parquet that openpaf wrote; a folder of OpenPose's JSON or of "
        "openpaf batch; - for NDJSON on standard input.",
        show_default=False,
    ),
]
FrameRate = Annotated[
    float | None,
    typer.Option(
        "--fps",
        help="Frames a second: count times by frame number, whatever the file says.",
    ),
]
Faces = Annotated[
    Facing,
    typer.Option(
        help="Side of the frame people face, which gives joint angles their sign; auto goes by "
        "feet and face.",
    ),
]
Height = Annotated[
    str | None,
    typer.Option(
        metavar="M|ID=M",
        help="Height in metres of the person kept, or of the one with this id: gives the scale.",
        rich_help_panel="Units",
    ),
]
ScaleBar = Annotated[
    str | None,
    typer.Option(
        metavar="x0,y0,x1,y1=M",
        help="Two points, px, and the metres between them: gives the scale.",
        rich_help_panel="Units",
    ),
]
Floor = Annotated[
    str | None,
    typer.Option(
        metavar="x0,y0,x1,y1[=M]",
        help="A line on the floor, px, and its length in metres: level, origin and, with a "
        "length, the scale.",
        rich_help_panel="Units",
    ),
]

_Ends = tuple[tuple[float, float], tuple[float, float]]


def read_person(text: str | None) -> str | int | tuple[float, float, float, float] | None:
    """Who `--person` means.

    Raises
    ------
    ConfigError
        When it is neither a word, an id nor a box.
    """
    if text is None or text in ("largest", "central"):
        return text
    if text.isdecimal():
        return int(text)
    numbers = _numbers(text)
    if len(numbers) != 4:
        raise ConfigError(
            f"--person must be largest, central, an id or a box x0,y0,x1,y1, got {text!r}"
        )
    return numbers[0], numbers[1], numbers[2], numbers[3]


def read_scale(
    smoothing: Smoothing, height: str | None, scale_bar: str | None, floor: str | None
) -> Scale | None:
    """Scale by at most one of a height, a bar and a floor's length; the floor also levels.

    Raises
    ------
    ConfigError
        When they cannot be read, or disagree.
    """
    ends, length = _line(floor, "--floor") if floor else (None, None)
    given = [name for name, value in (("--height", height), ("--scale-bar", scale_bar)) if value]
    if length is not None:
        given.append("--floor with a length")
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} both give a scale; leave one out")
    scale = None
    if height:
        scale = Scale.of_height(*_height(smoothing, height))
    elif scale_bar:
        (a, b), metres = _line(scale_bar, "--scale-bar")
        if metres is None:
            raise ConfigError("--scale-bar needs the metres: x0,y0,x1,y1=2.5")
        scale = Scale.of_bar(a, b, metres)
    elif ends is not None and length is not None:
        scale = Scale.of_bar(*ends, length)
    if ends is None:
        return scale
    if scale is None:
        raise ConfigError("--floor needs its length (=METRES), a --height or a --scale-bar")
    return scale.with_floor(*ends)


def check_outputs(recording: str, outputs: Sequence[Path]) -> None:
    """Refuse outputs that would destroy the recording or one another.

    Raises
    ------
    OutputError
        When two are one file, or one is the recording or lies in its folder.
    """
    source = Path(recording).resolve()
    taken: set[Path] = set()
    for path in outputs:
        place = path.resolve()
        if str(path) != "-" and (place == source or source in place.parents and source.is_dir()):
            raise OutputError(f"{path} would replace the recording; pass another place")
        if place in taken:
            raise OutputError(f"{path} would be written twice; pass another place")
        taken.add(place)


def _height(smoothing: Smoothing, text: str) -> tuple[list[float], float]:
    """Body heights in px of who is meant, and the metres."""
    who, _, metres = text.rpartition("=")
    kept = [person.id for person in smoothing.report.kept]
    if not who and len(kept) != 1:
        raise ConfigError(
            f"--height is that of one person and {len(kept)} are kept; say whose (--height "
            "ID=1.75) or keep one (--person largest)"
        )
    try:
        one, value = int(who) if who else kept[0], float(metres)
    except ValueError:
        raise ConfigError(f"--height must be metres or ID=metres, got {text!r}") from None
    if one not in kept:
        raise ConfigError(f"--height: nobody kept has the id {one}")
    return smoothing.heights(one), value


def _line(text: str, option: str) -> tuple[_Ends, float | None]:
    points, _, metres = text.partition("=")
    numbers, length = _numbers(points), _numbers(metres)
    if len(numbers) != 4 or len(length) != (1 if metres else 0):
        raise ConfigError(f"{option} must be x0,y0,x1,y1=METRES, got {text!r}")
    ends = ((numbers[0], numbers[1]), (numbers[2], numbers[3]))
    return ends, length[0] if length else None


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        return []
