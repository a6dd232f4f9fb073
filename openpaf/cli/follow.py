"""What `openpaf run` does while frames come, and what it says when they have ended."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from openpaf.cli.messages import count, progress_bar, say, warn
from openpaf.cli.outputs import Outputs
from openpaf.drawing import DrawConfig
from openpaf.errors import SourceError
from openpaf.optional import cv2
from openpaf.poses import Poses
from openpaf.sources import Source, without_secrets
from openpaf.stream import Streams
from openpaf.writers import Painter, Window, Writers


@dataclass
class Seen:
    """Who was in the frames of a source: different people where they have ids."""

    ids: set[int] = field(default_factory=set)
    most: int = 0

    def add(self, poses: Poses) -> None:
        """Count the people of a frame."""
        self.most = max(self.most, len(poses))
        if poses.ids is not None:
            self.ids.update(number for number in poses.ids.tolist() if number >= 0)

    def __str__(self) -> str:
        if self.ids or not self.most:
            return count(len(self.ids), "person", "people")
        return f"up to {count(self.most, 'person', 'people')} a frame"


def open_window(streams: Streams, name: str, place: str, drawing: DrawConfig) -> Window:
    """Open a window for a source, with its frames a second in the corner."""
    numbers = streams.streams[name].stats
    paint = Painter(drawing, frame_rate=lambda: numbers.recent_frame_rate)
    return Window(f"openpaf {without_secrets(place)}", paint)


def follow(
    streams: Streams,
    writers: Mapping[str, Writers],
    windows: list[Window],
    seen: Mapping[str, Seen],
    max_frames: int | None,
) -> None:
    """Write every result of every source, and count who is seen."""
    several = len(writers) > 1
    try:
        with progress_bar() as bar:
            tasks = {
                name: bar.add_task(
                    f"{name} waiting" if several else "waiting for the first frame",
                    total=_frames_to_come(stream.source, max_frames),
                )
                for name, stream in streams.streams.items()
            }
            for name, result in streams.results():
                with _uninterrupted():
                    writers[name].write(result)
                seen[name].add(result.poses)
                numbers = streams.streams[name].stats
                doing = f"{numbers.recent_frame_rate:.1f} fps, {len(result.poses)} people"
                bar.update(
                    tasks[name], advance=1, description=f"{name} {doing}" if several else doing
                )
                if any(window.closed for window in windows):
                    break
                if numbers.frames == max_frames:
                    streams.stop(name)
    finally:
        streams.close()


def tell(
    streams: Streams, outputs: Mapping[str, Outputs], seen: Mapping[str, Seen], *, as_json: bool
) -> None:
    """Say how fast it was, who was seen and what was written."""
    several = len(streams.streams) > 1
    ran = {"model": streams.engine.card.name, "provider": streams.engine.provider}
    if as_json:
        (one, *_) = streams.streams.values()
        numbers = streams.as_dict() if several else one.stats.as_dict()
        print(json.dumps({**numbers, **ran}), flush=True)
        return
    for name, stream in streams.streams.items():
        if stream.stats.frames:
            parts = [str(stream.stats), str(seen[name])]
            parts += [] if several else [ran["model"]]
            parts += filter(None, [outputs[name].told(stream.stats.frames)])
            say(f"{name}: {'; '.join(parts)}" if several else "; ".join(parts))
    if several:
        say(f"{streams.as_dict()['fps']:.1f}/s together; {ran['model']}")


def whole(streams: Streams, sources: Mapping[str, str]) -> bool:
    """Whether every source gave all of its frames; says which did not.

    Raises
    ------
    SourceError
        When none gave any.
    """
    problems: list[SourceError] = []
    for name, place in sources.items():
        if name in streams.errors:
            problems.append(streams.errors[name])
        elif not streams.streams[name].stats.frames:
            shown = without_secrets(place)
            problems.append(SourceError(f"{shown} gives no frame that can be read"))
    if not any(stream.stats.frames for stream in streams.streams.values()):
        raise problems[0]
    for problem in problems:
        warn(str(problem))
    return not problems and not any(
        stream.stats.damaged or stream.source.cut_short for stream in streams.streams.values()
    )


def quieten_opencv() -> None:
    """Let problems be told once, by us."""
    if logging.getLogger("openpaf").level > logging.DEBUG:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _frames_to_come(source: Source, most: int | None) -> int | None:
    counts = [number for number in (source.frame_count, most) if number is not None]
    return min(counts, default=None)


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
