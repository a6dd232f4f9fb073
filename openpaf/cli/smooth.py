"""`openpaf smooth`: a second pass over a recording of poses, and files for other programs."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.motion import (
    Faces,
    Facing,
    Floor,
    FrameRate,
    Height,
    Recording,
    ScaleBar,
    check_outputs,
    read_person,
    read_scale,
)
from openpaf.cli.smooth_table import show_report
from openpaf.errors import ConfigError
from openpaf.files import replacing
from openpaf.motion import SmoothConfig, Smoothing, open_recording
from openpaf.motion.formats import angle_sink, open_sink, speed_table, write_all
from openpaf.motion.region import read_region

_DEFAULT = SmoothConfig()


class Filter(str, Enum):
    """How curves are smoothed."""

    butterworth = "butterworth"
    gaussian = "gaussian"
    loess = "loess"
    median = "median"
    none = "none"


def command(
    recording: Recording,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Where to write, several times if you like; the suffix says how: .ndjson .csv "
            ".parquet .trc .mot .c3d .bvh .json (PoseTrack) .txt (MOTChallenge), a folder "
            "(OpenPose), or - for NDJSON on standard output.",
            rich_help_panel="Output",
        ),
    ] = None,
    angles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write joint and segment angles: .csv, .parquet or .mot.",
            rich_help_panel="Output",
        ),
    ] = None,
    speeds: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the speed of every part, m/s or px/s: .csv or .parquet.",
            rich_help_panel="Output",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write what was done to whom as JSON.", rich_help_panel="Output"
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            metavar="WHO",
            help="Keep one: largest, central, an id, or the one in the box x0,y0,x1,y1.",
            rich_help_panel="People",
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="Leave out people outside a box x0,y0,x1,y1, a polygon x,y x,y x,y, or a picture "
            "that is black outside.",
            rich_help_panel="People",
        ),
    ] = None,
    join: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Longest time out of sight over which ids are joined; 0 joins none.",
            rich_help_panel="People",
        ),
    ] = _DEFAULT.join,
    min_time: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Drop people seen for a shorter time.",
            rich_help_panel="People",
        ),
    ] = _DEFAULT.min_time,
    sides: Annotated[
        bool,
        typer.Option(help="Mend left and right that were exchanged.", rich_help_panel="Keypoints"),
    ] = _DEFAULT.sides,
    outliers: Annotated[
        bool,
        typer.Option(
            help="Take out keypoints that leap away and back.", rich_help_panel="Keypoints"
        ),
    ] = _DEFAULT.outliers,
    max_gap: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Longest gap that is filled; 0 fills none.",
            rich_help_panel="Keypoints",
        ),
    ] = _DEFAULT.max_gap,
    filter: Annotated[
        Filter, typer.Option(help="How curves are smoothed.", rich_help_panel="Keypoints")
    ] = Filter.butterworth,
    cutoff: Annotated[
        str,
        typer.Option(
            metavar="HZ|auto",
            help="Cut-off of Butterworth and Gaussian; auto finds each person's by residual "
            "analysis, many papers on gait use 6.",
            rich_help_panel="Keypoints",
        ),
    ] = str(_DEFAULT.cutoff),
    window: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="Window of LOESS and median.", rich_help_panel="Keypoints"
        ),
    ] = _DEFAULT.window,
    facing: Faces = Facing.auto,
    height: Height = None,
    scale_bar: ScaleBar = None,
    floor: Floor = None,
    fps: FrameRate = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which video, where the recording holds several."),
    ] = None,
) -> None:
    """Clean up a whole recording: join ids, mend sides, fill gaps, smooth, convert.

    Reads what openpaf run, batch or OpenPose wrote, twice, and prints a table of what was done to
    whom. Filled keypoints are marked in the result.

    Examples:

        openpaf smooth results.ndjson -o clean.ndjson

        openpaf smooth results.ndjson --person largest --height 1.75 -o walk.trc --angles walk.csv

        openpaf smooth openpose_json/ --fps 50 --cutoff 6 -o clean.parquet

        openpaf smooth results.ndjson --filter none -o poses.c3d --scale-bar 80,400,520,400=2
    """
    outputs = [*(out or []), *(path for path in (angles, speeds, report) if path is not None)]
    if not outputs:
        raise ConfigError("nothing would be written; add -o clean.ndjson, or --angles angles.csv")
    check_outputs(recording, outputs)
    config = SmoothConfig(
        person=read_person(person),
        region=None if region is None else read_region(region),
        join=join,
        min_time=min_time,
        sides=sides,
        outliers=outliers,
        max_gap=max_gap,
        filter=filter.value,
        cutoff=_cutoff(cutoff),
        window=window,
    )
    with progress_bar() as bar:
        task = bar.add_task("reading", total=1000)

        def tell(share: float) -> None:
            doing = "reading" if share < 0.5 else "smoothing"
            bar.update(task, completed=round(1000 * share), description=doing)

        smoothing = Smoothing(
            open_recording(recording, frame_rate=fps, source=source), config, tell=tell
        )
        scale = read_scale(smoothing, height, scale_bar, floor)
        sinks: list[Any] = [open_sink(path, scale, facing.value) for path in out or []]
        if angles is not None:
            sinks.append(angle_sink(angles, facing.value))
        if speeds is not None:
            sinks.append(speed_table(speeds, scale))
        written = write_all(smoothing.blocks(), sinks)
    if report is not None:
        with replacing(report) as partial:
            partial.write_text(json.dumps(smoothing.report.as_dict(), indent=2) + "\n")
        written.append(report)
    if Path("-") not in (out or []):
        show_report(smoothing.report)
    if not smoothing.report.kept:
        warn("nobody is left; see the table, and --min-time, --region and --person")
    if written:
        more = f" and {len(written) - 8} more" if len(written) > 8 else ""
        warn(f"wrote {', '.join(map(str, written[:8]))}{more}")


def _cutoff(text: str) -> Any:
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"--cutoff must be a number of Hz or auto, got {text!r}") from None
