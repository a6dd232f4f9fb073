"""The pipeline: order, overlap, newest frame only, and every way to end."""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

import numpy as np
import pytest

from openpaf.errors import ConfigError, OpenPafError
from openpaf.stream import Stream
from openpaf.track import TrackConfig


def test_every_frame_of_a_file_comes_out_in_order(engine: Any, make_source: Any) -> None:
    stream = Stream(engine, make_source(40))
    results = list(stream.results())
    assert [result.index for result in results] == list(range(40))
    assert [result.time for result in results] == [index / 25 for index in range(40)]
    assert all(result.frame[0, 0, 2] == result.index for result in results)
    assert [(result.poses.index, result.poses.time) for result in results] == [
        (result.index, result.time) for result in results
    ]
    assert stream.stats.frames == 40 and stream.stats.dropped == 0
    assert stream.source.closed  # type: ignore[attr-defined]


def test_iterating_gives_poses_with_ids(engine: Any, make_source: Any) -> None:
    ids = [poses.ids for poses in Stream(engine, make_source(5))]
    assert all(found is not None and found.tolist() == [1] for found in ids)


def test_without_tracking_there_are_no_ids(engine: Any, make_source: Any) -> None:
    poses = list(Stream(engine, make_source(3), track=False))
    assert all(found.ids is None for found in poses)
    np.testing.assert_allclose(poses[2].keypoints[0, 0], (102, 80))


def test_tracking_can_be_set(engine: Any, make_source: Any) -> None:
    poses = list(Stream(engine, make_source(3), track=TrackConfig(smooth=False)))
    np.testing.assert_allclose(poses[2].keypoints[0, 0], (102, 80))
    assert poses[2].ids is not None


def test_stages_overlap(engine: Any, make_source: Any) -> None:
    """While a result is decoded the network has the next frame and the source the one after."""
    working, together = set(), set()

    def noted(name: str, work: Any) -> Any:
        def noting(*arguments: Any) -> Any:
            working.add(name)
            time.sleep(0.005)
            together.add(frozenset(working))
            try:
                return work(*arguments)
            finally:
                working.discard(name)

        return noting

    source = make_source(30)
    source.read = noted("read", source.read)
    engine.predict = noted("network", engine.predict)
    engine.decode = noted("decode", engine.decode)
    assert len(list(Stream(engine, source))) == 30
    assert frozenset({"read", "network", "decode"}) in together


def test_live_source_drops_what_there_is_no_time_for(make_engine: Any, make_source: Any) -> None:
    stream = Stream(make_engine(network_s=0.05), make_source(60, live=True, period_s=0.002))
    indices = [result.index for result in stream.results()]
    assert indices == sorted(set(indices))
    assert 0 < len(indices) < 60
    assert stream.stats.dropped == 60 - len(indices)


def test_slow_consumer_of_a_live_source_sees_fresh_frames(engine: Any, make_source: Any) -> None:
    """Two frames are under way while a result is used: the one after was taken afterwards."""
    source = make_source(10**9, live=True, period_s=0.001)
    stream = Stream(engine, source)
    moments: list[int] = []
    for number, result in enumerate(stream.results()):
        if number >= 2:
            # One frame may be between the source and the slot, one in the slot.
            assert result.index >= moments[number - 2] - 2
        wanted = source.index + 20
        while source.index < wanted:
            time.sleep(0.001)
        moments.append(source.index)
        if number == 10:
            break
    assert stream.stats.dropped > 100


def test_live_file_is_played_at_its_own_pace(engine: Any, make_source: Any) -> None:
    stream = Stream(engine, make_source(11, live=True, frame_count=11))
    last = list(stream.results())[-1]
    assert stream.stats.seconds >= 0.9 * 10 / 25
    assert last.index == 10 and last.latency < 0.2


def test_slow_consumer_of_a_file_misses_nothing(engine: Any, make_source: Any) -> None:
    stream, source_ahead = Stream(engine, make_source(40)), []
    for result in stream.results():
        time.sleep(0.005)
        source_ahead.append(stream.source.index - result.index)  # type: ignore[attr-defined]
    assert len(source_ahead) == 40
    assert max(source_ahead) <= 9


@pytest.mark.parametrize("live", [False, True])
def test_every_nth_frame_only_goes_through_the_network(
    engine: Any, make_source: Any, live: bool
) -> None:
    source = make_source(26, live=live, period_s=0.005 if live else 0)
    results = list(Stream(engine, source, every=5, track=TrackConfig(smooth=False)).results())
    if not live:
        assert engine.predicted == [0, 5, 10, 15, 20, 25]
        assert [result.index for result in results] == list(range(26))
        for result in results:
            np.testing.assert_allclose(
                result.poses.keypoints[0, 0], (100 + result.index, 80), atol=0.01
            )
    else:
        assert 0 < len(engine.predicted) < len(results) <= 26
    assert all(result.poses.ids.tolist() == [1] for result in results)  # type: ignore[union-attr]


def test_frames_left_over_at_the_end_are_not_lost(engine: Any, make_source: Any) -> None:
    results = list(Stream(engine, make_source(9), every=4).results())
    assert [result.index for result in results] == list(range(9))
    results = list(Stream(engine, make_source(8), every=4).results())
    assert [result.index for result in results] == list(range(8))


def test_frames_of_changing_size(engine: Any, make_source: Any) -> None:
    source = make_source(12, sizes=((32, 24), (64, 48), (8, 80)))
    for result in Stream(engine, source, every=2).results():
        height, width = result.frame.shape[:2]
        assert result.poses.frame_size == (width, height)


def test_source_that_dies_gives_what_it_gave_then_the_error(engine: Any, make_source: Any) -> None:
    indices = []
    with pytest.raises(OSError, match="the source died"):
        for result in Stream(engine, make_source(20, fail_at=7)).results():
            indices.append(result.index)
    assert indices == list(range(7))


def test_failing_network_gives_what_it_gave_then_the_error(
    make_engine: Any, make_source: Any
) -> None:
    indices = []
    with pytest.raises(RuntimeError, match="the network broke"):
        for result in Stream(make_engine(fail_at=4), make_source(20)).results():
            indices.append(result.index)
    assert indices == list(range(4))


def test_leaving_the_loop_ends_everything(engine: Any, make_source: Any) -> None:
    source = make_source(10**9)
    for poses in Stream(engine, source):
        assert len(poses) == 1
        break
    gc.collect()
    assert source.closed


def test_forgotten_halfway_ends_everything(engine: Any, make_source: Any) -> None:
    source = make_source(10**9)
    results = Stream(engine, source).results()
    next(results)
    del results
    gc.collect()
    assert source.closed


def test_error_in_the_loop_ends_everything(engine: Any, make_source: Any) -> None:
    source = make_source(10**9)
    with pytest.raises(KeyboardInterrupt), Stream(engine, source) as stream:
        for _ in stream:
            raise KeyboardInterrupt
    assert source.closed


def test_closing_from_another_thread_ends_the_loop(engine: Any, make_source: Any) -> None:
    stream = Stream(engine, make_source(10**9, period_s=0.005))
    closing = threading.Thread(target=stream.close)
    for number, _ in enumerate(stream):
        if number == 3:
            closing.start()
    closing.join()


def test_closing_before_and_after_use_is_fine(engine: Any, make_source: Any) -> None:
    stream = Stream(engine, make_source(3))
    stream.close()
    stream.close()
    with pytest.raises(OpenPafError, match="once"):
        iter(stream)


def test_a_stream_is_used_once(engine: Any, make_source: Any) -> None:
    stream = Stream(engine, make_source(3))
    assert len(list(stream)) == 3
    with pytest.raises(OpenPafError, match="once"):
        list(stream)


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_every_must_be_a_count(engine: Any, make_source: Any, every: Any) -> None:
    with pytest.raises(ConfigError, match="every"):
        Stream(engine, make_source(3), every=every)


def test_every_needs_tracking(engine: Any, make_source: Any) -> None:
    with pytest.raises(ConfigError, match="tracking"):
        Stream(engine, make_source(3), every=2, track=False)


def test_stats_say_it_all(make_engine: Any, make_source: Any) -> None:
    stream = Stream(make_engine(network_s=0.001), make_source(10))
    list(stream)
    numbers = stream.stats.as_dict()
    assert numbers["frames"] == 10 and numbers["fps"] > 0
    assert 0 < numbers["latency_ms"]["p50"] <= numbers["latency_ms"]["p99"]
    assert {"preprocess", "network", "decode", "track"} <= set(numbers["stage_ms"])
    assert "10 frames" in str(stream.stats) and "dropped" not in str(stream.stats)
