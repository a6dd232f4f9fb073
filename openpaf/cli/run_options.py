"""Options that `openpaf run` alone has."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Stats(str, Enum):
    """How to say how fast it was."""

    text = "text"
    json = "json"


SourceNames = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="A video file; a picture, folder or quoted glob; a camera number; an http, rtsp "
        "or other url; or - for JPEG pictures on standard input. Several are looked at beside "
        "one another.",
        show_default=False,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--output",
        "--out",
        "-o",
        metavar="DIR|VIDEO",
        help="Write an annotated video and its keypoints (NDJSON) into a folder; or the video "
        "alone, by its name.",
        rich_help_panel="Output",
    ),
]
Show = Annotated[
    bool, typer.Option("--show", help="Show a window; q or Esc ends.", rich_help_panel="Output")
]
Images = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Write annotated pictures, one a frame.", rich_help_panel="Output"
    ),
]
Ndjson = Annotated[
    Path | None,
    typer.Option(
        help="Write one JSON line a frame; - is standard output.", rich_help_panel="Output"
    ),
]
CocoJson = Annotated[
    Path | None,
    typer.Option(help="Write COCO keypoint results of all frames.", rich_help_panel="Output"),
]
OpenPoseJson = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Write OpenPose's JSON, one file a frame.", rich_help_panel="Output"
    ),
]
Angles = Annotated[
    Path | None,
    typer.Option(
        help="Write joint and segment angles as CSV, a row a person; - is standard output.",
        rich_help_panel="Output",
    ),
]
Udp = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Send every frame as it comes to another program: the JSON of --ndjson, one "
        "datagram a frame.",
        rich_help_panel="Output",
    ),
]
Osc = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Send keypoints as they come as Open Sound Control, for TouchDesigner and others.",
        rich_help_panel="Output",
    ),
]
StatsAs = Annotated[
    Stats,
    typer.Option(
        help="Frames a second, latency and drops at the end: a line on stderr, or JSON on stdout.",
        rich_help_panel="Output",
    ),
]
Track = Annotated[
    bool, typer.Option(help="Give people ids that stay with them, and smooth their keypoints.")
]
Smooth = Annotated[bool, typer.Option(help="Smooth keypoints over time.")]
Live = Annotated[
    bool | None,
    typer.Option(
        help="Drop frames to keep up, or look at every one.",
        show_default="live for cameras and endless urls",
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(help="Frames a second of pictures and standard input.", show_default="30"),
]
Raw = Annotated[
    str | None,
    typer.Option(metavar="WxH", help="Standard input is raw BGR frames of this size: 1280x720."),
]
TargetFps = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Take the size, looks and precision that find most at so many frames a second "
        "on this machine; a few are tried on the source first, for some seconds.",
    ),
]
MaxFrames = Annotated[
    int | None, typer.Option(metavar="N", help="Stop after so many frames.", min=1)
]
Sync = Annotated[
    bool,
    typer.Option(
        "--sync",
        help="Find out by the movement of wrists how much later one of several sources was "
        "started than another, and number frames alike. A clap at the beginning helps. "
        "Keypoints are written at the end; a kill loses them, Ctrl-C does not.",
    ),
]
