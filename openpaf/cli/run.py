"""`openpaf run`: a video, camera or stream in; ids, files, a window and statistics out."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from openpaf.cli.kernels import kernels_compiled_beside
from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Complete,
    Device,
    End,
    FastOrNot,
    Looks,
    MaxPeople,
    MinScore,
    Model,
    NetHeight,
    NetSize,
    Refine,
    RefineLimit,
    Start,
    Step,
    Threads,
    Tiles,
    model_for_streams,
    read_card,
    read_net_size,
    read_size,
    refine_options,
)
from openpaf.cli.rate import options_for_rate
from openpaf.decoder.config import DecoderConfig
from openpaf.engine import Engine
from openpaf.errors import ConfigError, OutputError, SourceError
from openpaf.files import check_file, check_folder, fitting_name, refuse_to_replace
from openpaf.optional import cv2
from openpaf.selftest.rates import Still
from openpaf.sources import Source, is_url, without_secrets
from openpaf.sources.listing import about_ids
from openpaf.stream import Stream, open_source
from openpaf.track import TrackConfig
from openpaf.writers import (
    AngleWriter,
    CocoWriter,
    CsvWriter,
    NdjsonWriter,
    OpenPoseWriter,
    Painter,
    PictureWriter,
    VideoWriter,
    Window,
    Writers,
    check_video,
)

# Options that take a folder, and how the names of the files in it end.
_FOLDERS = {"--images": "_poses.jpg", "--openpose-json": "_keypoints.json"}
# For the number of a frame, and the ending.
_ROOM = 40


class Stats(str, Enum):
    """How to say how fast it was."""

    text = "text"
    json = "json"


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A video file; a picture, folder or quoted glob; a camera number; an http, rtsp "
            "or other url; or - for JPEG pictures on standard input.",
            show_default=False,
        ),
    ],
    show: Annotated[
        bool, typer.Option("--show", help="Show a window; q or Esc ends.", rich_help_panel="Output")
    ] = False,
    video: Annotated[
        Path | None,
        typer.Option(help="Write an annotated .mp4, .mkv or .mov.", rich_help_panel="Output"),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write annotated pictures, one a frame.", rich_help_panel="Output"
        ),
    ] = None,
    ndjson: Annotated[
        Path | None,
        typer.Option(
            help="Write one JSON line a frame; - is standard output.", rich_help_panel="Output"
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            help="Write one CSV row a keypoint; - is standard output.", rich_help_panel="Output"
        ),
    ] = None,
    coco_json: Annotated[
        Path | None,
        typer.Option(help="Write COCO keypoint results of all frames.", rich_help_panel="Output"),
    ] = None,
    openpose_json: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write OpenPose's JSON, one file a frame.", rich_help_panel="Output"
        ),
    ] = None,
    angles: Annotated[
        Path | None,
        typer.Option(
            help="Write joint and segment angles as CSV, a row a person; - is standard output.",
            rich_help_panel="Output",
        ),
    ] = None,
    no_image: Annotated[
        bool,
        typer.Option(
            "--no-image",
            help="Draw skeletons on black, not on the frame.",
            rich_help_panel="Output",
        ),
    ] = False,
    stats: Annotated[
        Stats,
        typer.Option(
            help="Frames a second, latency and drops at the end: a line on stderr, or JSON on "
            "stdout.",
            rich_help_panel="Output",
        ),
    ] = Stats.text,
    model: Model = None,
    card: Card = None,
    fast: FastOrNot = None,
    device: Device = "auto",
    net_height: NetHeight = None,
    net_size: NetSize = None,
    looks: Looks = "one",
    tiles: Tiles = False,
    refine: Refine = None,
    refine_limit: RefineLimit = REFINE_LIMIT,
    threads: Threads = None,
    min_score: MinScore = None,
    complete: Complete = False,
    max_people: MaxPeople = None,
    track: Annotated[
        bool, typer.Option(help="Give people ids that stay with them, and smooth their keypoints.")
    ] = True,
    smooth: Annotated[bool, typer.Option(help="Smooth keypoints over time.")] = True,
    every: Annotated[
        int,
        typer.Option(
            metavar="N", help="Send every N-th frame through the network, track between them."
        ),
    ] = 1,
    live: Annotated[
        bool | None,
        typer.Option(
            help="Drop frames to keep up, or look at every one.",
            show_default="live for cameras and endless urls",
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(help="Frames a second of pictures and standard input.", show_default="30"),
    ] = None,
    raw: Annotated[
        str | None,
        typer.Option(
            metavar="WxH", help="Standard input is raw BGR frames of this size: 1280x720."
        ),
    ] = None,
    start: Start = None,
    end: End = None,
    step: Step = 1,
    target_fps: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="Take the size, looks and precision that find most at so many frames a second "
            "on this machine; a few are tried on the source first, for some seconds.",
        ),
    ] = None,
    max_frames: Annotated[
        int | None, typer.Option(metavar="N", help="Stop after so many frames.", min=1)
    ] = None,
) -> None:
    """Follow people in a video, camera or stream.

    Several outputs can be written at once, and all of them stay readable if the run is killed.
    Files are processed frame by frame; live sources drop the frames that there is no time for.

    Examples:

        openpaf run 0 --show

        openpaf run street.mp4 --video annotated.mp4 --csv poses.csv

        openpaf run street.mp4 --target-fps 25 --csv poses.csv

        openpaf run rtsp://camera.local/live --ndjson - | jq '.people | length'

        ffmpeg -i street.mp4 -f mjpeg - | openpaf run - --coco-json results.json
    """
    _quieten_opencv()
    files = {
        "--video": video, "--images": images, "--ndjson": ndjson, "--csv": csv,
        "--coco-json": coco_json, "--openpose-json": openpose_json, "--angles": angles,
    }  # fmt: skip
    _check(files, stats)
    with ExitStack() as stack:
        # First, so that a misspelt name is told before a network is loaded; and the outputs last,
        # so that nothing is made or replaced by a run that cannot begin.
        open_reader = partial(
            open_source,
            source,
            frame_rate=fps,
            frame_size=read_size(raw, "--raw"),
            start=start,
            end=end,
            step=step,
        )
        reader = open_reader(live=live)
        stack.callback(reader.close)
        _check_outputs(files, reader, [model, card])
        choice = model_for_streams(model, card, fast, device, threads)
        options: dict[str, Any] = {
            "model": choice.model,
            "device": device,
            "net_height": net_height,
            "net_size": read_net_size(net_size),
            "looks": looks,
            "tiles": tiles,
            "threads": threads,
            # Reading, decoding and drawing need the cores that idle threads would hold.
            "spinning": False,
            "card": read_card(card),
            "decoder": DecoderConfig(min_score=min_score, max_people=max_people, complete=complete),
            **refine_options(refine, refine_limit),
        }
        tracking = TrackConfig(smooth=smooth) if track else False
        if target_fps is not None:
            # Before anything is timed.
            with kernels_compiled_beside():
                pass
            trial: Callable[[], Source] = partial(Still, read_size(raw, "--raw"))
            if _opens_twice(source):
                trial = partial(open_reader, live=False)
            following = {"track": tracking, "every": every}
            options |= options_for_rate(
                target_fps, trial, options, following, any_precision=fast is None
            )
        with kernels_compiled_beside():
            engine = stack.enter_context(Engine(**options))
        stream = stack.enter_context(Stream(engine, reader, track=tracking, every=every))
        writers = stack.enter_context(Writers())
        name, paint = _name(source), Painter(image=not no_image)
        window = None
        if show:
            rate = Painter(image=not no_image, frame_rate=lambda: stream.stats.recent_frame_rate)
            writers.add(window := Window(f"openpaf {without_secrets(source)}", rate))
        if ndjson:
            writers.add(NdjsonWriter(_path_or_stdout(ndjson)))
        if csv:
            writers.add(CsvWriter(_path_or_stdout(csv)))
        if coco_json:
            writers.add(CocoWriter(coco_json))
        if openpose_json:
            writers.add(OpenPoseWriter(openpose_json, name))
        if angles:
            writers.add(AngleWriter(_path_or_stdout(angles)))
        if images:
            writers.add(PictureWriter(images, name, paint))
        if video:
            writers.add(VideoWriter(video, paint))
        engine.warm_up()
        broken = _follow(stream, writers, window, max_frames, stats)
    if not stream.stats.frames:
        shown = without_secrets(source)
        raise broken or SourceError(f"{shown} gives no frame that can be read")
    if not any(files.values()) and not show and stats is Stats.text:
        warn("nothing was written; add --show, --video FILE, --ndjson - or another output")
    if broken:
        warn(str(broken))
    if stream.stats.damaged or broken or reader.cut_short:
        raise typer.Exit(1)


def _follow(
    stream: Stream, writers: Writers, window: Window | None, max_frames: int | None, stats: Stats
) -> SourceError | None:
    """Write every result; give what the source broke off with, if it did."""
    try:
        with progress_bar() as bar:
            task = bar.add_task("waiting for the first frame", total=stream.source.frame_count)
            for result in stream.results():
                with _uninterrupted():
                    writers.write(result)
                rate, people = stream.stats.recent_frame_rate, len(result.poses)
                bar.update(task, advance=1, description=f"{rate:.1f} fps, {people} people")
                if window is not None and window.closed or stream.stats.frames == max_frames:
                    break
    except SourceError as error:
        return error
    finally:
        stream.close()
        if stats is Stats.json:
            ran = {"model": stream.engine.card.name, "provider": stream.engine.provider}
            print(json.dumps({**stream.stats.as_dict(), **ran}), flush=True)
        elif stream.stats.frames:
            warn(f"{stream.stats}; {stream.engine.card.name}")
    return None


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until a frame has been written everywhere."""
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def _check(files: Mapping[str, Path | None], stats: Stats) -> None:
    """Refuse outputs that would destroy one another."""
    to_stdout = [option for option, path in files.items() if str(path) == "-"]
    if stats is Stats.json:
        to_stdout.append("--stats json")
    if len(to_stdout) > 1:
        raise ConfigError(f"{' and '.join(to_stdout)} cannot share standard output; name a file")
    taken: dict[Path, str] = {}
    for option, path in files.items():
        if path is None or str(path) == "-":
            continue
        place = path.resolve()
        if place in taken:
            raise OutputError(f"{option} {path} would replace {taken[place]}; pass another place")
        taken[place] = option


def _check_outputs(
    files: Mapping[str, Path | None], reader: Source, others: Sequence[str | Path | None]
) -> None:
    """Refuse outputs that cannot be written, or that would destroy something that is read."""
    inputs = [*getattr(reader, "files", ()), *(Path(path) for path in others if path)]
    for option, path in files.items():
        if path is None or str(path) == "-":
            continue
        if option in _FOLDERS:
            check_folder(path)
            names = getattr(reader, "names", ())
            outputs = [path / f"{name}{_FOLDERS[option]}" for name in names]
        else:
            check_file(path)
            outputs = [path]
        refuse_to_replace(inputs, outputs, "the source" if path in outputs else "an input")
        if option == "--video":
            check_video(path)
        if option == "--coco-json" and (about := about_ids(getattr(reader, "pictures", ()))):
            warn(about)


def _opens_twice(source: str) -> bool:
    """Whether a second reader takes nothing away from the first."""
    return Path(source).is_dir() or (not is_url(source) and Path(source).is_file())


def _path_or_stdout(path: Path) -> Path | None:
    return None if str(path) == "-" else path


def _name(source: str) -> str:
    """What files of a frame each begin with."""
    if source == "-":
        return "stdin"
    if source.isdecimal():
        return f"camera{source}"
    if is_url(source):
        return "stream"
    return fitting_name(Path(source).stem, _ROOM) or "frame"


def _quieten_opencv() -> None:
    """Let problems be told once, by us."""
    if logging.getLogger("openpaf").level > logging.DEBUG:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
