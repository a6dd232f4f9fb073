"""Read and prepare, run the network, decode and track: three threads, every frame in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from openpaf.address import without_secrets
from openpaf.decoder import Decoder
from openpaf.decoder.config import Keep
from openpaf.errors import ConfigError, OpenPafError
from openpaf.fields import Fields
from openpaf.keywords import knows_keywords
from openpaf.poses import Poses
from openpaf.preprocess import plain
from openpaf.result import Result
from openpaf.sources import Shot, Source, open_source
from openpaf.sources.picture_files import PictureFiles
from openpaf.stream.channel import Channel, Stopped
from openpaf.stream.network import Network, OwnNetwork, Prepared
from openpaf.stream.shown import prepare
from openpaf.stream.stats import StreamStats
from openpaf.topdown.closer import Asked
from openpaf.topdown.follower import Follower
from openpaf.track import TrackConfig, Tracker, interpolate, warm_up

if TYPE_CHECKING:
    from openpaf.engine import Engine, NetFrame

# Frames on their way at once. Two behind a live source keep the network busy while the result
# before is being used, and bound the latency; a file may be read further ahead.
_UNDER_WAY_LIVE, _UNDER_WAY = 2, 8
# A camera that hangs must not hang whoever stops the stream.
_PATIENCE = 6.0
# What is yet to be opened.
_PLACES = (int, str, Path, np.integer)


class _Predicted(NamedTuple):
    shot: Shot
    net_frame: NetFrame
    fields: Fields | None
    network_ms: float


class Stream:
    """Poses of a camera, video, folder or url, frame after frame; made by `Engine.stream`.

    Reading, the network and the decoder work at the same time. Every frame of a file comes out, in
    order. Of a live source the newest frame is taken whenever the network is free, and older ones
    are dropped. Iterate once; leaving the loop, an error, `close` and the end of the source all
    end the threads.

    Parameters
    ----------
    engine : Engine
    source : int, str, Path or Source
        What `open_source` takes, or anything that reads like a `Source`.
    track : TrackConfig or bool
        Follow people, and how; False for no ids and no smoothing.
    every : int
        Send only every n-th frame through the network; between them people are tracked: for files
        half of the way to where they will be, for live sources where they should be by now.
    min_score, max_people, keep, hands, face : optional
        As for `Engine`, whose own they stand in for.
    live, frame_rate, frame_size, start, end, step
        See `open_source`.
    network : Network, optional
        What frames are sent through, where it is shared with other streams; see `Streams`.

    Raises
    ------
    ConfigError
        When an option has a value that cannot work.
    SourceError
        When the source cannot be opened.

    Attributes
    ----------
    source : Source
    stats : StreamStats
    """

    @knows_keywords("engine.stream()", "engine.stream(source, {}=...)")
    def __init__(
        self,
        engine: Engine,
        source: int | str | Path | Source,
        *,
        track: TrackConfig | bool = True,
        every: int = 1,
        min_score: float | None = None,
        max_people: int | None = None,
        keep: Keep | None = None,
        hands: Asked | None = None,
        face: Asked | None = None,
        live: bool | None = None,
        frame_rate: float | None = None,
        frame_size: tuple[int, int] | None = None,
        start: str | float | None = None,
        end: str | float | None = None,
        step: int = 1,
        network: Network | None = None,
    ) -> None:
        every, step = plain(every), plain(step)
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ConfigError(f"every must be a whole number from 1, got {every!r}")
        if every > 1 and not track:
            raise ConfigError("every needs tracking to fill in the frames between; leave track on")
        self.engine = engine
        self._decoder = engine.decoder(min_score=min_score, max_people=max_people, keep=keep)
        self._looks = engine.closer_looks(hands=hands, face=face)
        self._network = OwnNetwork(engine) if network is None else network
        self.source = opened(
            source,
            live=live,
            frame_rate=frame_rate,
            frame_size=frame_size,
            start=start,
            end=end,
            step=step,
        )
        self.stats = StreamStats(live=self.source.live)
        tracking = None if track is True else track or None
        self._tracker = Tracker(tracking) if track else None
        self._follower = Follower(self._looks, tracking)
        self._every = every
        self._called = without_secrets(str(source)) if isinstance(source, _PLACES) else None
        self._frames: Channel[Prepared] = Channel(newest_only=self.source.live)
        self._predicted: Channel[_Predicted] = Channel()
        self._results: Channel[tuple[Shot, Poses]] = Channel()
        # Each frame under way holds one of these.
        self._permits: Channel[None] = Channel()
        for _ in range(_UNDER_WAY_LIVE if self.source.live else max(_UNDER_WAY, 2 * every)):
            self._permits.put(None)
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._used = False
        self._closed = threading.Event()
        self._started = time.perf_counter()
        # Photographs come in all sizes, everything else in one.
        if not isinstance(self.source, PictureFiles):
            engine.settle()

    def __iter__(self) -> Iterator[Poses]:
        return (result.poses for result in self.results())

    def results(self) -> Iterator[Result]:
        """Like iterating, with the frame, its place and its time beside the poses.

        Raises
        ------
        OpenPafError
            When the stream has been used before, or whatever a stage failed with.
        """
        if self._used:
            raise OpenPafError("a stream can be used once; make another with engine.stream(source)")
        self._used = True
        return self._run()

    def close(self) -> None:
        """Stop reading, let go of the source and end the threads."""
        self._used = True
        self._closed.set()
        self.source.close()
        for channel in (self._permits, self._frames, self._predicted, self._results):
            channel.stop()
        for thread in self._threads:
            thread.join(_PATIENCE)
        self._threads = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run(self) -> Iterator[Result]:
        self.stats.start()
        self._started = time.perf_counter()
        try:
            self._begin(self._read, self._frames)
            self._begin(self._predict, self._predicted)
            self._begin(self._decode, self._results)
            for shot, poses in self._results:
                latency = time.perf_counter() - shot.arrived
                self.stats.record(latency, poses.timings)
                self._count_losses()
                yield Result(
                    poses,
                    shot.frame,
                    shot.index,
                    shot.time,
                    shot.name,
                    shot.image_id,
                    latency,
                    shot.pixel_aspect,
                )
                with suppress(Stopped):
                    self._permits.put(None)
            if self._error is not None:
                raise self._error
        finally:
            self.close()
            self._count_losses()

    def _count_losses(self) -> None:
        self.stats.dropped = self._frames.dropped
        self.stats.damaged = self.source.damaged
        self.stats.reconnects = self.source.reconnects

    def _begin(self, stage: Callable[[], None], output: Channel[Any]) -> None:
        def work() -> None:
            try:
                stage()
            except Stopped:
                pass
            except BaseException as error:  # noqa: BLE001 raised again where the results are used
                self._error = error
            finally:
                output.end()

        name = f"openpaf-{stage.__name__.strip('_')}"
        thread = threading.Thread(target=work, name=name, daemon=True)
        # In this order, because another thread may close the stream and can join none before.
        thread.start()
        self._threads.append(thread)

    def _read(self) -> None:
        live = self.source.live
        while True:
            if not live:
                self._permits.get()
            shot = self.source.read()
            if shot is None:
                return
            if live and has_end(self.source):
                # What has an end is played at its own pace, as a camera would give it.
                ahead = self._started + shot.time - time.perf_counter()
                if self._closed.wait(max(ahead, 0)):
                    return
                shot = replace(shot, arrived=time.perf_counter())
            self._frames.put(Prepared(shot, prepare(self.engine, shot)))

    def _predict(self) -> None:
        live = self.source.live
        count = 0
        while True:
            if live:
                self._permits.get()
            if count % self._every == 0:
                (shot, net_frame), fields, network_ms = self._network.through(self._frames.get)
                self._predicted.put(_Predicted(shot, net_frame, fields, network_ms))
            else:
                self._predicted.put(_Predicted(*self._frames.get(), None, 0.0))
            count += 1

    def _decode(self) -> None:
        # While the network has the first frame there is nothing else to do.
        Decoder().warm_up(self.engine.skeleton)
        if self._tracker is not None:
            warm_up(self.engine.skeleton)
        before: tuple[Shot, Poses] | None = None
        between: list[Shot] = []
        for shot, net_frame, fields, network_ms in self._predicted:
            if fields is not None:
                poses = self._people(shot, net_frame, fields, network_ms)
                if before is not None:
                    self._fill(between, before, (shot, poses))
                before, between = (shot, poses), []
                self._put(shot, poses)
            elif self.source.live:
                self._foretell(shot)
            else:
                between.append(shot)
        for shot in between:
            self._foretell(shot)

    def _people(self, shot: Shot, net_frame: NetFrame, fields: Fields, network_ms: float) -> Poses:
        timings = net_frame.timings(network=network_ms)
        poses = self.engine.decode(fields, net_frame.placement, timings, self._decoder)
        poses = self.engine.finish(poses, net_frame.frame, net_frame.placement, self._decoder, ())
        if self._tracker is not None:
            started = time.perf_counter()
            poses = self._tracker.update(poses, shot.time)
            track_ms = 1000 * (time.perf_counter() - started)
            poses = replace(poses, timings={**poses.timings, "track": track_ms})
        poses = replace(poses, **self._taken(shot))
        # Last, because hands and faces are followed by the ids of people.
        return self._follower.look(poses, shot.frame, shot.time) if self._looks else poses

    def _fill(self, between: list[Shot], a: tuple[Shot, Poses], b: tuple[Shot, Poses]) -> None:
        """Put the frames between two that went through the network."""
        for shot in between:
            share = (shot.time - a[0].time) / max(b[0].time - a[0].time, 1e-9)
            self._put(shot, interpolate(a[1], b[1], min(max(share, 0.0), 1.0)), network=False)

    def _foretell(self, shot: Shot) -> None:
        poses = None if self._tracker is None else self._tracker.predict(shot.time)
        if poses is not None:
            self._put(shot, self._follower.foretold(poses), network=False)

    def _taken(self, shot: Shot) -> dict[str, Any]:
        """What poses know of where and when their frame was taken."""
        return {"index": shot.index, "time": shot.time, "source": shot.name or self._called}

    def _put(self, shot: Shot, poses: Poses, *, network: bool = True) -> None:
        if not network:
            height, width = shot.frame.shape[:2]
            size = (width, height)
            poses = replace(poses, frame_size=size, timings={}, **self._taken(shot))
        self._results.put((shot, poses))


def opened(source: int | str | Path | Source, **options: Any) -> Source:
    """Open what `open_source` takes; anything else is a source already, and has its own options."""
    return open_source(source, **options) if isinstance(source, _PLACES) else source


def has_end(source: Source) -> bool:
    """Whether a source is a recording; one from elsewhere may only tell its length."""
    return bool(getattr(source, "has_end", source.frame_count is not None))
