"""`--target-fps`: the best way of looking that is fast enough, and plain words where none is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Self

import pytest

from openpaf.errors import ConfigError
from openpaf.selftest import rates
from openpaf.selftest.rates import MODES, REFINED, Mode, Still, grey, pick


class Clock:
    """A clock that streams move on."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = PacedStream.clock = Clock()
    monkeypatch.setattr(rates, "time", clock)
    return clock


class PacedStream:
    """Stands for a stream that gives so many results a second."""

    engine = nullcontext()
    clock = Clock()

    def __init__(self, rate: float, frames: int = 1000) -> None:
        self.rate, self.frames = rate, frames

    def results(self) -> Iterator[None]:
        for _ in range(self.frames):
            self.clock.now += 1 / self.rate
            yield

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


THREE = (Mode(100), Mode(200), Mode(200, "best"))
RATES = dict(zip(THREE, (400.0, 120.0, 40.0), strict=True))


@pytest.mark.parametrize(("asked", "expected"), [(20, 2), (60, 1), (200, 0)])
def test_the_best_mode_that_is_fast_enough_is_taken(asked: float, expected: int) -> None:
    opened: list[Mode] = []

    def open_stream(mode: Mode) -> Any:
        opened.append(mode)
        return PacedStream(RATES[mode])

    picked = pick(open_stream, asked, THREE)
    assert picked.mode == THREE[expected] and picked.holds
    assert picked.frame_rate == pytest.approx(RATES[picked.mode])
    assert len(opened) == len(set(opened)) <= 2


def test_the_fastest_is_taken_where_none_is_fast_enough() -> None:
    picked = pick(lambda mode: PacedStream(RATES[mode]), 900, THREE)  # type: ignore[arg-type,return-value]
    assert picked.mode == THREE[0] and not picked.holds


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        (90.0, Mode(100, refine=True, ap=0.35)),  # A few people: refining wins.
        (10.0, Mode(200, ap=0.3)),  # A crowd: too slow.
        (500.0, Mode(300, refine=True, ap=0.5)),
    ],
)
def test_a_second_look_is_taken_where_it_is_worth_more_and_holds(
    again: float, expected: Mode
) -> None:
    plain = (Mode(100, ap=0.2), Mode(200, ap=0.3), Mode(200, "best", ap=0.4))
    refined = (
        Mode(50, refine=True, ap=0.1),
        Mode(100, refine=True, ap=0.35),
        Mode(300, refine=True, ap=0.5),
    )
    speeds = dict(zip(plain, (400.0, 120.0, 40.0), strict=True))
    speeds |= dict(zip(refined, (again, again, again / 4), strict=True))
    opened: list[Mode] = []

    def open_stream(mode: Mode) -> Any:
        opened.append(mode)
        return PacedStream(speeds[mode])

    picked = pick(open_stream, 60, plain, refined)
    assert picked.mode == expected and picked.holds
    assert Mode(50, refine=True, ap=0.1) not in opened


def test_what_none_holds_is_not_tried_with_more_work() -> None:
    plain, refined = (Mode(100, ap=0.2),), (Mode(100, refine=True, ap=0.3),)
    picked = pick(lambda mode: PacedStream(10 + 90 * mode.refine), 60, plain, refined)  # type: ignore[arg-type,return-value]
    assert picked.mode == plain[0] and not picked.holds


def test_a_source_of_one_frame_is_fast_enough() -> None:
    picked = pick(lambda mode: PacedStream(100, frames=1), 30, THREE)  # type: ignore[arg-type,return-value]
    assert picked.mode == THREE[-1] and picked.holds


@pytest.mark.parametrize("asked", [0, -5, float("nan"), float("inf"), 5000])
def test_rates_that_cannot_be_are_refused(asked: float) -> None:
    with pytest.raises(ConfigError, match="target_fps must be above 0"):
        pick(lambda mode: pytest.fail("opened"), asked, THREE)


def test_the_modes_are_of_engines() -> None:
    from openpaf.looks import read_looks

    for ladder in (MODES, REFINED):
        assert [mode.ap for mode in ladder] == sorted({mode.ap for mode in ladder})
    for mode in (*MODES, *REFINED):
        assert mode.net_height % 8 == 0 and read_looks(mode.looks)


def test_a_still_goes_on_until_it_is_closed() -> None:
    still = Still(grey((64, 48)))
    shots = [still.read(), still.read()]
    assert [shot.frame.shape for shot in shots if shot] == [(48, 64, 3)] * 2
    still.close()
    assert still.read() is None
