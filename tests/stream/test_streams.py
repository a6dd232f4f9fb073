"""Several sources through one network: batches, one clock, and each one's own ending."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from openpaf.errors import ConfigError, OpenPafError, SourceError
from openpaf.sources import Shot, open_source, patience
from openpaf.stream import Streams
from openpaf.stream.clock import CommonClock, Timed
from tests.mjpeg import MjpegServer


def test_every_frame_of_every_file_comes_out_in_order(make_engine: Any, make_source: Any) -> None:
    engine = make_engine(network_s=0.002)
    streams = Streams(engine, {"a": make_source(30), "b": make_source(20), "c": make_source(1)})
    places: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    for name, result in streams.results():
        assert result.frame[0, 0, 2] == result.index
        np.testing.assert_allclose(result.poses.frame_size, (32, 24))
        places[name].append(result.index)
    assert places == {"a": list(range(30)), "b": list(range(20)), "c": [0]}
    assert streams.as_dict()["sources"]["b"]["frames"] == 20 and streams.errors == {}


def test_streams_are_used_once(engine: Any, make_source: Any) -> None:
    streams = Streams(engine, {"a": make_source(2), "b": make_source(2)})
    assert sum(1 for _ in streams.results()) == 4
    with pytest.raises(OpenPafError, match="streams can be used once"):
        streams.results()


def test_a_live_source_from_elsewhere_needs_no_has_end(engine: Any, make_source: Any) -> None:
    class Foreign:
        live, frame_rate, frame_count, damaged, reconnects = True, 50.0, None, 0, 0
        cut_short = None

        def __init__(self) -> None:
            self._source = make_source(3)
            self.read, self.close = self._source.read, self._source.close

    streams = Streams(engine, {"file": make_source(3), "foreign": Foreign()})
    assert streams.on_one_clock == {"foreign"}
    assert {name for name, _ in streams.results()} == {"file", "foreign"}


def test_frames_of_several_cameras_share_a_batch(make_engine: Any, make_source: Any) -> None:
    engine = make_engine(network_s=0.02)
    streams = Streams(engine, {name: make_source(12) for name in "abcd"})
    assert sum(1 for _ in streams.results()) == 48
    assert max(engine.batches) > 1 and sum(engine.batches) == 48
    assert streams.as_dict()["frames_a_batch"] == round(48 / len(engine.batches), 2)


def test_frames_of_other_sizes_go_by_themselves(
    monkeypatch: pytest.MonkeyPatch, make_engine: Any, make_source: Any
) -> None:
    engine = make_engine()
    plain = engine.prepare

    def prepared(frame: Any) -> Any:
        height, width = frame.shape[:2]
        placement = type("Placement", (), {"net_size": (width, height)})
        return replace(plain(frame), placement=placement)

    def predicted(net_frames: list[Any]) -> list[Any]:
        assert len({one.frame.shape for one in net_frames}) == 1
        return [one.frame for one in net_frames]

    monkeypatch.setattr(engine, "prepare", prepared)
    monkeypatch.setattr(engine, "predict", predicted)
    sources = {name: make_source(10, sizes=(size,)) for name, size in zip("ab", SIZES, strict=True)}
    assert sum(1 for _ in Streams(engine, sources).results()) == 20


SIZES = ((32, 24), (48, 24))


def test_a_camera_that_breaks_off_does_not_stop_the_others(engine: Any, make_source: Any) -> None:
    class Lost(make_source):  # type: ignore[misc]
        def read(self) -> Shot | None:
            if self.index == 4:
                raise SourceError("the cable came out")
            return super().read()

    streams = Streams(engine, {"bad": Lost(30), "good": make_source(30)})
    counts = {"bad": 0, "good": 0}
    for name, _ in streams.results():
        counts[name] += 1
    assert counts == {"bad": 4, "good": 30}
    assert str(streams.errors["bad"]) == "the cable came out" and "good" not in streams.errors


def test_a_camera_that_comes_back_goes_on_by_the_clock(
    monkeypatch: pytest.MonkeyPatch, engine: Any
) -> None:
    pytest.importorskip("av")
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.3)
    with MjpegServer(frames=60) as unsteady, MjpegServer(frames=10**6) as steady:
        sources = {name: open_source(one.url) for name, one in (("a", unsteady), ("b", steady))}
        counts, times = {"a": 0, "b": 0}, {"a": [0.0], "b": [0.0]}
        while_lost = 0
        with Streams(engine, sources) as streams:
            for name, result in streams.results():
                counts[name] += 1
                times[name].append(result.time)
                lost = times["b"][-1] - times["a"][-1]
                while_lost += name == "b" and lost > 0.15
                if streams.streams["a"].stats.reconnects and counts["a"] > 80:
                    break
    assert while_lost > 5
    # Back, it is where the other one is: no time is lost on its clock.
    assert abs(times["a"][-1] - times["b"][-1]) < 0.3


def test_a_network_that_fails_ends_them_all(make_engine: Any, make_source: Any) -> None:
    streams = Streams(make_engine(fail_at=6), {"a": make_source(10**6), "b": make_source(10**6)})
    with pytest.raises(RuntimeError, match="the network broke"):
        for _ in streams.results():
            pass
    assert all(stream.source.closed for stream in streams.streams.values())  # type: ignore[attr-defined]


def test_one_can_be_stopped_alone(engine: Any, make_source: Any) -> None:
    streams = Streams(engine, {"endless": make_source(10**6), "short": make_source(40)})
    counts = {"endless": 0, "short": 0}
    for name, _ in streams.results():
        counts[name] += 1
        if counts["endless"] == 5:
            streams.stop("endless")
    assert counts == {"endless": 5, "short": 40}


def test_leaving_the_loop_ends_everything(engine: Any, make_source: Any) -> None:
    with Streams(engine, {"a": make_source(10**6), "b": make_source(10**6, live=True)}) as streams:
        for _ in streams.results():
            break
    assert not [t for t in threading.enumerate() if t.name.startswith("openpaf-read")]


def test_closing_before_use_is_fine(engine: Any, make_source: Any) -> None:
    streams = Streams(engine, {"a": make_source(5), "b": make_source(5)})
    streams.close()
    streams.close()


def test_no_source_is_left_open_where_one_cannot_be(engine: Any, make_source: Any) -> None:
    good = make_source(5)
    with pytest.raises(SourceError, match="nothing.mp4"):
        Streams(engine, {"good": good, "bad": "nothing.mp4"})
    assert good.closed
    with pytest.raises(ConfigError, match="at least one"):
        Streams(engine, {})


def test_live_cameras_have_one_clock_and_one_numbering(make_engine: Any, make_source: Any) -> None:
    """The second camera gives its first frame 0.4 s later and knows nothing of the first."""
    streams = Streams(
        make_engine(),
        {
            "a": make_source(30, live=True, has_end=False, period_s=0.04),
            "late": _Late(make_source(15, live=True, has_end=False, period_s=0.04)),
        },
    )
    assert streams.on_one_clock == {"a", "late"} and streams.frame_rates["late"] == 25
    seen: dict[str, list[tuple[int, float]]] = {"a": [], "late": []}
    for name, result in streams.results():
        seen[name].append((result.index, result.time))
    assert seen["late"][0][1] - seen["a"][0][1] > 0.35
    for index, moment in seen["a"] + seen["late"]:
        assert abs(index - 25 * moment) <= 1.01
    for found in seen.values():
        assert all(one < other for (one, _), (other, _) in pairwise(found))


class _Late:
    """A source that needs a moment for its first frame."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def read(self) -> Shot | None:
        if self._source.index == 0:
            time.sleep(0.4)
        shot: Shot | None = self._source.read()
        return shot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def test_frames_from_before_the_clock_are_left_out(make_source: Any) -> None:
    clock = CommonClock([None, 20.0, 50.0])
    assert clock.frame_rate == 50.0 and CommonClock([None]).frame_rate == 30.0
    source = make_source(10)
    taken = iter([(9.9, 0.0), (9.98, 0.08), (10.02, 0.12), (10.021, 0.121), (10.1, 0.2)])

    def read() -> Shot | None:
        arrived, moment = next(taken)
        return Shot(np.zeros((4, 4, 3), np.uint8), 0, moment, arrived)

    source.read = read
    clock.at(10.0)
    timed = Timed(source, clock)
    shots = [timed.read() for _ in range(3)]
    assert [round(shot.time, 3) for shot in shots if shot] == [0.02, 0.021, 0.1]
    # Numbers never repeat, even where frames come too fast for the clock.
    assert [shot.index for shot in shots if shot] == [1, 2, 5]
