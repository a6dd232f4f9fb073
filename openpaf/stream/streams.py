"""Several cameras, videos or urls beside one another: one process, one network, one clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from openpaf.errors import ConfigError, OpenPafError, SourceError
from openpaf.result import Result
from openpaf.sources import Source
from openpaf.sources.source import DEFAULT_FRAME_RATE
from openpaf.stream.channel import Channel, Stopped
from openpaf.stream.clock import CommonClock, Timed
from openpaf.stream.network import SharedNetwork
from openpaf.stream.pipeline import Stream, has_end, opened
from openpaf.track import TrackConfig

if TYPE_CHECKING:
    from openpaf.engine import Engine


class Streams:
    """A stream a source, all through one network, frames of several in one batch.

    Sources do not wait for one another, and one that breaks off does not end the others. Times and
    frame numbers of live ones are those of one clock: frames of one number were taken in the same
    moment. Recordings keep their own.

    Parameters
    ----------
    engine : Engine
    sources : mapping of str to int, str, Path or Source
        By name: what `open_source` takes, or gives.
    track, every
        See `Stream`.

    Raises
    ------
    ConfigError
        When an option has a value that cannot work.
    SourceError
        When a source cannot be opened.

    Attributes
    ----------
    streams : dict of str to Stream
        With the statistics of each.
    errors : dict of str to SourceError
        What sources broke off with.
    frame_rates : dict of str to float
        Frame numbers a second of each.
    on_one_clock : set of str
        Those that are live.
    """

    def __init__(
        self,
        engine: Engine,
        sources: Mapping[str, int | str | Path | Source],
        *,
        track: TrackConfig | bool = True,
        every: int = 1,
    ) -> None:
        if not sources:
            raise ConfigError("streams need at least one source")
        self.engine = engine
        self.errors: dict[str, SourceError] = {}
        self._error: BaseException | None = None
        self._used = False
        self._results: Channel[tuple[str, Result]] = Channel()
        # A stream goes on when its result has been used.
        self._turns: dict[str, Channel[None]] = {name: Channel() for name in sources}
        self._running = len(sources)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        with ExitStack() as undo:
            readers: dict[str, Source] = {}
            for name, source in sources.items():
                readers[name] = one = opened(source)
                undo.callback(one.close)
            self.network = SharedNetwork(engine, len(readers)) if len(readers) > 1 else None
            self.frame_rates = {
                name: one.frame_rate or DEFAULT_FRAME_RATE for name, one in readers.items()
            }
            self.on_one_clock: set[str] = set()
            if self.network is not None:
                undo.callback(self.network.close)
                self._set_clock(readers)
            self.streams = {
                name: Stream(engine, one, track=track, every=every, network=self.network)
                for name, one in readers.items()
            }
            undo.pop_all()

    def results(self) -> Iterator[tuple[str, Result]]:
        """Give names and results as they come; each source's are in order.

        Raises
        ------
        OpenPafError
            When they have been used before, or whatever a stage failed with. A source that breaks
            off is not raised, but found in `errors`.
        """
        if self._used:
            raise OpenPafError(
                "streams can be used once; make others with Streams(engine, sources)"
            )
        self._used = True
        return self._run()

    def _run(self) -> Iterator[tuple[str, Result]]:
        try:
            for name, stream in self.streams.items():
                work = threading.Thread(
                    target=self._pass_on, args=(name, stream), name=f"openpaf-{name}", daemon=True
                )
                self._threads.append(work)
                work.start()
            for name, result in self._results:
                yield name, result
                with suppress(Stopped):
                    self._turns[name].put(None)
            if self._error is not None:
                raise self._error
        finally:
            self.close()

    def close(self) -> None:
        """Stop reading, let go of the sources and end the threads."""
        self._used = True
        self._results.stop()
        for turn in self._turns.values():
            turn.stop()
        for stream in self.streams.values():
            stream.close()
        for thread in self._threads:
            thread.join()
        self._threads = []
        if self.network is not None:
            self.network.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def as_dict(self) -> dict[str, Any]:
        """Statistics of every stream by name, their frames a second together, and batches."""
        each = {name: stream.stats.as_dict() for name, stream in self.streams.items()}
        together: dict[str, Any] = {
            "fps": round(sum(numbers["fps"] for numbers in each.values()), 2),
            "sources": each,
        }
        if self.network is not None and self.network.batches:
            together["frames_a_batch"] = round(self.network.frames / self.network.batches, 2)
        return together

    def stop(self, name: str) -> None:
        """End one of them, without waiting for it, while its latest result is being used."""
        self._turns[name].stop()

    def _set_clock(self, sources: dict[str, Source]) -> None:
        cameras = {name: one for name, one in sources.items() if one.live and not has_end(one)}
        clock = CommonClock(one.frame_rate for one in cameras.values())
        for name, one in cameras.items():
            sources[name] = Timed(one, clock)
            self.frame_rates[name] = clock.frame_rate
        self.on_one_clock = set(cameras)

    def _pass_on(self, name: str, stream: Stream) -> None:
        try:
            for result in stream.results():
                self._results.put((name, result))
                self._turns[name].get()
        except Stopped:
            pass
        except SourceError as error:
            self.errors[name] = error
        except BaseException as error:  # noqa: BLE001 raised again where the results are used
            self._error = error
            self._results.end()
        finally:
            stream.close()
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._results.end()
