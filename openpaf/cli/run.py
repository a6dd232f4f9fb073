"""`openpaf run`: videos, cameras or streams in; ids, files, windows and statistics out."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import typer

from openpaf.cli.drawing import (
    BlurFaces,
    Boxes,
    Color,
    Coloring,
    Ids,
    Labels,
    LineWidth,
    OnBlack,
    draw_config,
)
from openpaf.cli.follow import Seen, follow, open_window, quieten_opencv, tell, whole
from openpaf.cli.kernels import compile_kernels, kernels_compiled_beside
from openpaf.cli.messages import say
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Complete,
    Csv,
    Device,
    End,
    Every,
    Face,
    FastOrNot,
    Hands,
    Looks,
    MaxPeople,
    MinScore,
    Model,
    NetHeight,
    NetSize,
    Quiet,
    Refine,
    RefineLimit,
    Start,
    Step,
    Threads,
    Tiles,
    Video,
    look_options,
    model_for_streams,
    read_card,
    read_net_size,
    read_size,
)
from openpaf.cli.outputs import Outputs, say_replaced
from openpaf.cli.rate import options_for_rate, trial_of
from openpaf.cli.run_options import (
    Angles,
    CocoJson,
    Fps,
    Images,
    Live,
    MaxFrames,
    Ndjson,
    OpenPoseJson,
    Osc,
    Out,
    Raw,
    Show,
    Smooth,
    SourceNames,
    Stats,
    StatsAs,
    Sync,
    TargetFps,
    Track,
    Udp,
)
from openpaf.cli.sources import names_of, openers_of
from openpaf.cli.sync import InStep, check_sync
from openpaf.decoder.config import DecoderConfig
from openpaf.engine import Engine
from openpaf.errors import ConfigError
from openpaf.stream import Source, Streams
from openpaf.track import TrackConfig
from openpaf.writers import OscWriter, Painter, UdpWriter, Window, Writers
from openpaf.writers.datagrams import read_address


def command(
    source: SourceNames,
    out: Out = None,
    show: Show = False,
    video: Video = None,
    images: Images = None,
    ndjson: Ndjson = None,
    csv: Csv = None,
    coco_json: CocoJson = None,
    openpose_json: OpenPoseJson = None,
    angles: Angles = None,
    udp: Udp = None,
    osc: Osc = None,
    color: Coloring = Color.side,
    line_width: LineWidth = None,
    boxes: Boxes = False,
    ids: Ids = True,
    labels: Labels = False,
    on_black: OnBlack = False,
    blur_faces: BlurFaces = False,
    quiet: Quiet = False,
    stats: StatsAs = Stats.text,
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
    hands: Hands = None,
    face: Face = None,
    threads: Threads = None,
    min_score: MinScore = None,
    complete: Complete = False,
    max_people: MaxPeople = None,
    track: Track = True,
    smooth: Smooth = True,
    every: Every = 1,
    live: Live = None,
    fps: Fps = None,
    raw: Raw = None,
    start: Start = None,
    end: End = None,
    step: Step = 1,
    target_fps: TargetFps = None,
    max_frames: MaxFrames = None,
    sync: Sync = False,
) -> None:
    """Follow people in videos, cameras or streams.

    Several outputs can be written at once, and all of them stay readable if the run is killed
    (not with --sync, which writes keypoints at the end).
    Files are processed frame by frame; live sources drop the frames that there is no time for.
    Several sources share one network; each has a folder of its own for what is written.

    Examples:

        openpaf run 0 --show

        openpaf run street.mp4 -o found

        openpaf run street.mp4 --video annotated.mp4 --csv poses.csv

        openpaf run street.mp4 --target-fps 25 --csv poses.csv

        openpaf run rtsp://camera.local/live --ndjson - | jq '.people | length'

        ffmpeg -i street.mp4 -f mjpeg - | openpaf run - --coco-json results.json

        openpaf run 0 1 rtsp://camera.local/live --ndjson trial/poses.ndjson

        openpaf run cam01.mp4 cam02.mp4 --sync --openpose-json pose
    """
    quieten_opencv()
    drawing = draw_config(color, line_width, boxes, labels, on_black, blur_faces, ids=ids)
    outputs = Outputs(video, images, ndjson, csv, coco_json, openpose_json, angles)
    sources = names_of(source)
    own = {name: outputs.with_output(out, name) for name in sources}
    several = len(sources) > 1
    for one in own.values():
        one.check(stats_on_stdout=stats is Stats.json, several=several)
    if several:
        own = {name: one.of_one(name) for name, one in own.items()}
    for address in filter(None, (udp, osc)):
        read_address(address)
    if osc and not track:
        raise ConfigError("--osc names people by their ids; leave out --no-track")
    check_sync(sync, own, track)
    with ExitStack() as stack:
        # First, so that a misspelt name is told before a network is loaded; and the outputs last,
        # so that nothing is made or replaced by a run that cannot begin.
        size = read_size(raw, "--raw")
        openers = openers_of(sources, size, frame_rate=fps, start=start, end=end, step=step)
        readers: dict[str, Source] = {}
        for name, opener in openers.items():
            readers[name] = opener(live=live)
            stack.callback(readers[name].close)
        read = [file for reader in readers.values() for file in getattr(reader, "files", ())]
        for name, reader in readers.items():
            own[name].check_places(reader, [*read, model, card])
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
            **look_options(refine, refine_limit, hands, face),
        }
        tracking = TrackConfig(smooth=smooth) if track else False
        if target_fps is not None:
            # Before anything is timed.
            compile_kernels()
            first, place = next(iter(sources.items()))
            trial = trial_of(place, openers[first], readers[first], size)
            following = {"track": tracking, "every": every}
            # One network has to hold the rate of all.
            options |= options_for_rate(
                target_fps * len(sources), trial, options, following, any_precision=fast is None
            )
        with kernels_compiled_beside():
            engine = stack.enter_context(Engine(**options))
        streams = stack.enter_context(Streams(engine, readers, track=tracking, every=every))
        in_step = stack.enter_context(InStep(streams, own)) if sync else None
        writers = {name: stack.enter_context(Writers()) for name in sources}
        windows: list[Window] = []
        seen = {name: Seen() for name in sources}
        say_replaced(file for name in own for file in own[name].existing(name, readers[name]))
        for name, place in sources.items():
            paint = Painter(drawing)
            if show:
                windows.append(open_window(streams, name, place, drawing))
                writers[name].add(windows[-1])
            told = name if several else None
            if udp:
                writers[name].add(UdpWriter(udp, told))
            if osc:
                writers[name].add(OscWriter(osc, told))
            if in_step is not None:
                writers[name].add(in_step.spools[name])
            now = own[name] if in_step is None else own[name].pictures
            for writer in now.writers(name, paint, told):
                writers[name].add(writer)
        if not (outputs or out or show or udp or osc) and stats is Stats.text:
            say("nothing will be written; add -o DIR, --show or another output")
        engine.warm_up()
        try:
            follow(streams, writers, windows, seen, max_frames)
        finally:
            if in_step is not None:
                in_step.write()
            tell(streams, own, seen, as_json=stats is Stats.json)
    if not whole(streams, sources):
        raise typer.Exit(1)
