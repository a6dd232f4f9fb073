"""`openpaf plot`: curves of a recording as pictures, and a page with the video beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.motion import Faces, Facing, FrameRate, Recording, check_outputs
from openpaf.errors import ConfigError, RecordingError
from openpaf.motion import Motion
from openpaf.motion.plot import DEFAULT_CURVES, panels_of, write_page, write_picture

_PICTURES = (".png", ".svg", ".pdf")
_PAGES = (".html", ".htm")
_PLAYED = (".mp4", ".webm", ".mov", ".m4v", ".ogv")
_MOST_PEOPLE = 12


def command(
    recording: Recording,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Where to draw, several times if you like: .png, .svg, .pdf or .html.",
        ),
    ] = None,
    curves: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Angles (knee, left_knee, trunk, ...) and positions (wrist.x, left_ankle.y, "
            "ankle.speed), with commas between.",
            show_default=",".join(DEFAULT_CURVES),
        ),
    ] = None,
    person: Annotated[
        int | None,
        typer.Option(metavar="ID", help="Whom to draw; else who is seen longest."),
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The video, .mp4 or .webm, to show beside the curves of a page."
        ),
    ] = None,
    facing: Faces = Facing.auto,
    start: Annotated[
        float | None, typer.Option("--start", metavar="SECONDS", help="Where to begin.")
    ] = None,
    end: Annotated[
        float | None, typer.Option("--end", metavar="SECONDS", help="Where to end.")
    ] = None,
    fps: FrameRate = None,
) -> None:
    """Draw angles and positions over time, gaps marked.

    A page (.html) shows the video, or the skeleton alone, beside the curves; dragging over one
    moves the other. Pictures show one person.

    Examples:

        openpaf plot clean.ndjson -o knees.png --curves knee,hip

        openpaf plot clean.ndjson -o walk.html --video annotated.mp4

        openpaf plot clean.ndjson -o part.svg --person 3 --start 10 --end 15
    """
    outputs = out or []
    if not outputs:
        raise ConfigError("nothing would be drawn; add -o curves.png or -o page.html")
    check_outputs(recording, outputs)
    for path in outputs:
        if path.suffix.lower() not in _PICTURES + _PAGES:
            raise ConfigError(f"{path} must be one of {', '.join(_PICTURES + _PAGES[:1])}")
    _check_video(video, outputs)
    with progress_bar() as bar:
        bar.add_task("reading and drawing", total=None)
        motion = _part(Motion.read(recording, frame_rate=fps), start, end)
        names = None if curves is None else [name.strip() for name in curves.split(",")]
        people = _people(motion, person)
        panels = {who: panels_of(motion[who], names, facing.value) for who in people}
        for path in outputs:
            if path.suffix.lower() in _PAGES:
                write_page(path, motion, panels, video)
            else:
                first = people[0]
                title = f"person {first}"
                write_picture(path, panels[first], motion[first].times, title)
    warn(f"wrote {', '.join(map(str, outputs))}")


def _people(motion: Motion, person: int | None) -> list[int]:
    """Whom to draw, who is seen longest first."""
    if person is not None:
        return [motion[person].id]
    longest = sorted(motion, key=lambda trail: -int(trail.found.any(1).sum()))
    if not longest:
        raise RecordingError("nobody is in this recording, or in this part of it")
    return [trail.id for trail in longest[:_MOST_PEOPLE]]


def _part(motion: Motion, start: float | None, end: float | None) -> Motion:
    low = 0 if start is None else int(np.searchsorted(motion.times, start))
    high = len(motion) if end is None else int(np.searchsorted(motion.times, end, "right"))
    if high <= low:
        raise ConfigError(
            f"nothing is between --start and --end; the recording goes from "
            f"{motion.times[0]:.2f} s to {motion.times[-1]:.2f} s"
        )
    trails = (trail.rows(low, high) for trail in motion)
    rows = slice(low, high)
    return replace(
        motion,
        frames=motion.frames[rows],
        times=motion.times[rows],
        names=motion.names[rows],
        trails=tuple(trail for trail in trails if trail is not None),
    )


def _check_video(video: Path | None, outputs: list[Path]) -> None:
    if video is None:
        return
    if not video.is_file():
        raise ConfigError(f"--video {video} does not exist")
    if not any(path.suffix.lower() in _PAGES for path in outputs):
        raise ConfigError("--video is for pages; add -o page.html")
    if video.suffix.lower() not in _PLAYED:
        warn(
            f"browsers hardly play {video.suffix}; make an .mp4 with openpaf run {video} --video "
            "annotated.mp4"
        )
