"""The second pass: each step against what is known, and recordings nobody would wish for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from openpaf.errors import ConfigError, OpenPafWarning, RecordingError
from openpaf.motion import EXCHANGED, OUTLIER, Motion, SmoothConfig, Smoothing
from openpaf.motion.cutoff import FALLBACK, find_cutoff
from openpaf.motion.filters import butterworth, loess
from openpaf.skeleton import BODY_25
from tests.motion.walks import RATE, motion_of, record, walk

NOTHING = SmoothConfig(
    join=0, min_time=0, sides=False, outliers=False, max_gap=0, filter="none"
)  # fmt: skip
LEG = ("hip", "knee", "ankle", "big_toe", "small_toe", "heel")


def exchange(body: np.ndarray, rows: slice) -> None:
    for part in LEG:
        left, right = BODY_25.index(f"left_{part}"), BODY_25.index(f"right_{part}")
        body[rows, [left, right]] = body[rows, [right, left]]


def test_nothing_asked_for_nothing_done(body: np.ndarray) -> None:
    smooth, report = motion_of(body).smooth(NOTHING)
    assert np.abs(smooth[1].keypoints - body).max() < 1e-3
    assert (report[1].keypoints, report[1].filled, report.frames) == (120 * 25, 0, 120)


def test_exchanged_sides_are_mended_and_told(body: np.ndarray) -> None:
    seen = body.copy()
    for rows in (slice(20, 21), slice(40, 47), slice(80, 95)):
        exchange(seen, rows)
    smooth, report = motion_of(seen).smooth(replace(NOTHING, sides=True))
    apart = np.linalg.norm(body[:, 11] - body[:, 14], axis=1) > 15
    off = np.linalg.norm(smooth[1].keypoints - body, axis=2).max(1)
    assert off[apart].max() < 1e-2
    assert ((smooth[1].marks & EXCHANGED) > 0).sum() == report[1].exchanged > 200


def test_somebody_who_turns_round_is_believed() -> None:
    body = walk(200)
    exchange(body, slice(100, 200))
    _, report = motion_of(body).smooth(replace(NOTHING, sides=True))
    assert report[1].exchanged < 100 * 12


def test_outliers_go_and_are_filled(body: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    seen = body + rng.normal(0, 1, body.shape)
    places = [(0, 3), (30, 10), (31, 10), (70, 24), (119, 0)]
    for row, k in places:
        seen[row, k] += 90
    smooth, report = motion_of(seen).smooth(replace(NOTHING, outliers=True, max_gap=0.5))
    marked = (smooth[1].marks & OUTLIER) > 0
    assert all(marked[place] for place in places) and marked.sum() < 12
    assert report[1].outliers == marked.sum()
    assert np.nanmax(np.linalg.norm(smooth[1].keypoints - body, axis=2)) < 8


@pytest.mark.parametrize("length", [1, 5, 15])
def test_gaps_up_to_the_longest_are_filled(body: np.ndarray, length: int) -> None:
    seen = body.copy()
    wrist, toe = BODY_25.index("left_wrist"), BODY_25.index("right_big_toe")
    seen[50 : 50 + length, [wrist, toe]] = np.nan
    seen[90:106, wrist] = np.nan
    smooth, report = motion_of(seen).smooth(replace(NOTHING, max_gap=0.5))
    assert smooth[1].filled.sum() == report[1].filled == 2 * length
    assert not smooth[1].found[90:106, wrist].any() and report[1].missing == 16
    off = np.linalg.norm(smooth[1].keypoints - body, axis=2)
    # A hidden toe goes along with its ankle; a wrist swings on.
    assert off[50 : 50 + length, toe].max() < 1 + 0.6 * length
    assert off[50 : 50 + length, wrist].max() < 1 + 2 * length
    assert (smooth[1].scores[50 : 50 + length, toe] > 0).all()


def test_ids_are_joined_by_motion_and_shape() -> None:
    one, other = walk(150), walk(150, start=600, pace=-80, size=110)
    ids = {0: 1, 1: 5}
    records = []
    for frame in range(150):
        if frame == 50:
            ids[0] = 8
        there = {}
        if not 50 <= frame < 70:
            there[ids[0] if frame < 100 else 3] = one[frame]
        if not 95 <= frame < 110:
            there[ids[1] if frame < 95 else 12] = other[frame]
        records.append(record(frame, there))
    smooth, report = Motion.of(records).smooth()
    assert [trail.id for trail in smooth] == [1, 5]
    assert report[1].joined == [8, 3] and report[5].joined == [12]
    # 20 frames are longer than the longest gap that is filled.
    assert not smooth[1].found[55:65].any() and smooth[5].filled[98:107].all()


def test_an_id_that_leaps_is_two_people() -> None:
    one, other = walk(120), walk(120, start=1000, pace=-40)
    # Numbered by place in the list, as some tools do, and a number that comes up later.
    records = [
        record(f, {0: one[f], 1: other[f]} if f < 60 else {0: other[f], 1: one[f]})
        for f in range(100)
    ] + [record(f, {0: other[f], 2: one[f]}) for f in range(100, 120)]
    with pytest.warns(OpenPafWarning, match="2 times an id leaps"):
        smooth, report = Motion.of(records).smooth()
    assert [trail.id for trail in smooth] == [0, 1]
    assert len(report[0].joined) == 2 and len(report[1].joined) == 1
    for trail, body in zip(smooth, (one, other), strict=True):
        assert np.nanmedian(np.abs(trail.keypoints - body)) < 1


def test_ids_stay_apart_where_shape_or_place_differ() -> None:
    for later in (walk(100, size=80), walk(100, start=800), walk(100, pace=-60)):
        body = walk(100)
        records = [record(f, {1: body[f]} if f < 50 else {2: later[f]}) for f in range(100)]
        del records[45:55]
        _, report = Motion.of(records).smooth()
        assert len(report.kept) == (1 if np.allclose(later[55], body[55], atol=30) else 2)


@pytest.mark.parametrize(
    ("person", "kept"),
    [("largest", 2), ("central", 3), (3, 3), ((0, 0, 330, 720), 1), (None, None)],
)
def test_whom_to_keep(person: Any, kept: int | None) -> None:
    bodies = walk(60, start=100), walk(60, start=1000, size=250), walk(60, start=620)
    smooth, report = motion_of(*bodies).smooth(SmoothConfig(person=person))
    assert [trail.id for trail in smooth] == ([1, 2, 3] if kept is None else [kept])
    assert len(report.people) == 3


def test_people_there_too_shortly_are_dropped() -> None:
    body, ghost = walk(90), walk(90, start=900)
    records = [record(f, {1: body[f]} | ({4: ghost[f]} if 20 <= f < 30 else {})) for f in range(90)]
    smooth, report = Motion.of(records).smooth()
    assert [trail.id for trail in smooth] == [1]
    assert report[4].dropped == "seen for less than 0.5 s"
    with pytest.raises(RecordingError, match="nobody has the id 9; there are 1"):
        Motion.of(records).smooth(SmoothConfig(person=9))
    with pytest.raises(RecordingError, match="nobody is in the box"):
        Motion.of(records).smooth(SmoothConfig(person=(0, 0, 5, 5)))


def test_central_needs_to_know_the_frame() -> None:
    bodies = motion_of(walk(60))
    with pytest.raises(RecordingError, match="does not say how large its frames are"):
        replace(bodies, frame_size=None).smooth(SmoothConfig(person="central"))


def test_regions() -> None:
    bodies = motion_of(walk(60, start=100), walk(60, start=1000))
    mask = np.zeros((720, 1280), bool)
    mask[:, 900:] = True
    for region, kept in (
        ((0, 0, 500, 720), [1]),
        (((900, 0), (1280, 0), (1280, 720), (900, 720)), [2]),
        (mask, [2]),
        ((0, 0, 10, 10), []),
    ):
        smooth, _ = bodies.smooth(SmoothConfig(region=region))  # type: ignore[arg-type]
        assert [trail.id for trail in smooth] == kept
    with pytest.raises(ConfigError, match="region must be"):
        bodies.smooth(SmoothConfig(region=(1.0, 2.0, 3.0)))


@pytest.mark.parametrize("name", ["butterworth", "gaussian", "loess", "median"])
def test_filters_calm_without_a_shift(name: Any) -> None:
    body = walk(300)
    rng = np.random.default_rng(1)
    seen = body + rng.normal(0, 2, body.shape)
    smooth, _ = motion_of(seen).smooth(SmoothConfig(filter=name, outliers=False))
    off = smooth[1].keypoints - body
    assert np.sqrt(np.square(off).mean()) < (2.1 if name == "median" else 1.6)
    wrist = BODY_25.index("left_wrist")
    lags = np.arange(-5, 6)
    fits = [
        np.square(smooth[1].keypoints[10 + lag : 290 + lag, wrist] - body[10:290, wrist]).sum()
        for lag in lags
    ]
    assert lags[int(np.argmin(fits))] == 0


def test_butterworth_lets_half_the_power_through_at_the_cut_off() -> None:
    times = np.arange(3000) / 100
    for cutoff, order in ((6.0, 4), (3.0, 2), (10.0, 8)):
        wave = np.sin(2 * np.pi * cutoff * times)[:, None]
        passed = butterworth(wave, 100.0, cutoff, order)[500:2500]
        assert passed.std() / wave.std() == pytest.approx(np.sqrt(0.5), abs=0.005)


def test_loess_keeps_parabolas() -> None:
    x = np.arange(40.0)
    parabola = (0.3 * x**2 - 4 * x + 2)[:, None]
    assert loess(parabola, 9)[5:-5] == pytest.approx(parabola[5:-5], abs=1e-8)


def test_residual_analysis_finds_more_for_faster_people() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(300) / 100
    cutoffs = []
    for speed in (0.5, 3.0):
        body = walk(300)
        body[..., 0] = 100 * np.sin(2 * np.pi * speed * times)[:, None] + rng.normal(
            0, 2, (300, 25)
        )
        body[..., 1] = walk(1)[0, :, 1] + rng.normal(0, 2, (300, 25))
        trail = motion_of(body)[1]
        cutoffs.append(find_cutoff(replace(trail, times=times)) or 0)
    assert 2 <= cutoffs[0] < cutoffs[1] <= 12
    _, report = motion_of(body).smooth()
    assert report[1].cutoff is not None and 2 <= report[1].cutoff <= 12


def test_residual_analysis_is_the_default_and_better_than_one_cut_off_for_all() -> None:
    rng = np.random.default_rng(4)
    body = walk(600)
    seen = motion_of(body + rng.normal(0, 1.5, body.shape))
    truth = motion_of(body)[1].angle("left_knee", 1)

    def off(config: SmoothConfig) -> float:
        smooth, report = seen.smooth(config)
        assert report[1].cutoff is not None and 1.5 <= report[1].cutoff <= 12
        return float(np.sqrt(np.square(smooth[1].angle("left_knee", 1) - truth).mean()))

    assert off(SmoothConfig()) == off(SmoothConfig(cutoff="auto"))
    assert off(SmoothConfig()) < 0.9 * off(SmoothConfig(cutoff=6.0)) < 2


def test_blocks_give_what_the_whole_gives() -> None:
    rng = np.random.default_rng(3)
    body = walk(1000, pace=10)
    seen = body + rng.normal(0, 1.5, body.shape)
    for row in range(20, 950, 90):
        exchange(seen, slice(row, row + 6))
    seen[rng.random(seen.shape[:2]) < 0.05] = np.nan
    motion = motion_of(seen)
    whole, report = motion.smooth()
    pieces = Smoothing(motion, block_frames=310)
    blocks = list(pieces.blocks())
    assert len(blocks) == 3
    parts = Motion.concatenate(blocks)
    assert np.nanmax(np.abs(parts[1].keypoints - whole[1].keypoints)) < 0.01
    assert (parts[1].marks == whole[1].marks).all() and pieces.report == report


def test_a_cut_off_waits_until_enough_was_seen_to_tell() -> None:
    rng = np.random.default_rng(3)
    seen = walk(900, pace=10) + rng.normal(0, 1.5, (900, 25, 2))
    # The second one comes a second before what the first block looks at ends.
    first = Smoothing(motion_of(seen), block_frames=320)
    comes = first._block + first._margin - round(RATE)
    people = [{1: seen[f]} | ({2: seen[f] + 300} if f >= comes else {}) for f in range(900)]
    motion = Motion.of([record(f, people[f]) for f in range(900)])
    pieces = Smoothing(motion, block_frames=320)
    assert len(list(pieces.blocks())) > 1
    told = find_cutoff(motion[2])
    assert told != FALLBACK and pieces.report[2].cutoff == pytest.approx(told, abs=1)


def test_who_is_never_seen_long_enough_has_the_usual_cut_off() -> None:
    motion = motion_of(walk(round(RATE)))
    _, report = motion.smooth()
    assert find_cutoff(motion[1]) is None and report[1].cutoff == FALLBACK
    _, report = motion.smooth(SmoothConfig(filter="loess"))
    assert report[1].cutoff is None


@pytest.mark.parametrize("cutoff", ["Auto", "6", None, 0, float("inf"), float("nan")])
def test_a_cut_off_that_cannot_be(cutoff: Any) -> None:
    with pytest.raises(ConfigError, match='cutoff must be "auto" or 0.05 Hz and more'):
        SmoothConfig(cutoff=cutoff)


def test_missing_frames_are_put_in(body: np.ndarray) -> None:
    records = [record(f, {1: body[f]}) for f in range(120) if not 30 <= f < 36 and f != 80]
    smooth, report = Motion.of(records).smooth()
    assert len(smooth) == 120 and report.missing_frames == 7
    assert np.diff(smooth.frames).tolist() == [1] * 119
    assert smooth[1].filled[30:36].all() and smooth[1].filled[80].all()
    # Every second frame is a clock of its own, not half of the frames missing.
    _, report = Motion.of([record(f, {1: body[f]}) for f in range(0, 120, 2)]).smooth()
    assert (report.frames, report.missing_frames) == (60, 0)
    assert report.frame_rate == pytest.approx(RATE / 2)


def test_a_break_of_hours_stays_one(body: np.ndarray) -> None:
    records = [record(f if f < 60 else f + 400_000, {1: body[f]}) for f in range(120)]
    with pytest.warns(OpenPafWarning, match="13333 s are missing after 1.97 s"):
        smooth, report = Motion.of(records).smooth()
    assert len(smooth) == 120 and report.missing_frames == 0 and report[1].filled == 0


def test_uneven_times(body: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    times = np.arange(120) / RATE + rng.uniform(0, 0.02, 120)
    bodies = walk(4000, pace=60)
    place = [np.clip(times * RATE, 0, 3999)]
    seen = np.stack(
        [[np.interp(place[0], np.arange(4000), bodies[:, k, c]) for c in (0, 1)] for k in range(25)]
    ).transpose(2, 0, 1)
    records = [record(f, {1: seen[f]}, float(times[f])) for f in range(120)]
    smooth, _ = Motion.of(records).smooth()
    assert np.abs(smooth[1].keypoints - seen)[5:-5].max() < 5


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_hardly_any_frames(frames: int) -> None:
    for config in (SmoothConfig(min_time=0), SmoothConfig(min_time=0, cutoff=6.0)):
        smooth, report = motion_of(walk(frames)).smooth(config)
        assert len(smooth) == frames and report[1].seen == frames
        assert np.abs(smooth[1].keypoints - walk(frames)).max() < 12
        assert smooth[1].velocity().shape == (frames, 25, 2)


def test_nobody_and_nothing_found() -> None:
    smooth, report = Motion.of([record(f, {}) for f in range(20)]).smooth()
    assert (len(smooth), len(smooth.trails), report.people) == (20, 0, [])
    nothing = np.full((20, 25, 2), np.nan)
    smooth, report = motion_of(nothing).smooth()
    assert len(smooth) == 20 and not smooth.trails
    with pytest.raises(RecordingError, match="nobody is there for long enough"):
        motion_of(nothing).smooth(SmoothConfig(person="largest"))
    with pytest.raises(RecordingError, match="at least one frame"):
        Motion.of([])


@pytest.mark.parametrize(
    "values",
    [
        {"join": -1}, {"max_gap": float("nan")}, {"filter": "kalman"}, {"cutoff": 0},
        {"order": 3}, {"window": 0}, {"person": "tallest"}, {"person": (1, 2)}, {"min_time": 100},
    ],
)  # fmt: skip
def test_settings_that_cannot_work(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(values))} must be"):
        SmoothConfig(**values)


def test_memory_does_not_grow_with_the_recording() -> None:
    import tracemalloc

    class Long:
        share = 0.0

        def __init__(self, frames: int) -> None:
            self._frames, self._body = frames, walk(60, pace=1)

        def records(self) -> Any:
            for frame in range(self._frames):
                yield record(frame, {1: self._body[frame % 60]})

    peaks = []
    for frames in (1_000, 3_000):
        tracemalloc.start()
        smoothing = Smoothing(
            Long(frames), SmoothConfig(sides=False, outliers=False, filter="none"), block_frames=150
        )
        count = sum(len(block) for block in smoothing.blocks())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == frames
    assert peaks[1] < 1.2 * peaks[0]
