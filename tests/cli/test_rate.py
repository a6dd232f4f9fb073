"""`--target-fps`: what ways of looking are tried on, and which are tried."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest

from openpaf.cli import rate
from openpaf.cli.rate import Trial, options_for_rate, trial_of
from openpaf.selftest.rates import MODES, REFINED, Mode, Pick, Still
from openpaf.sources.source import Shot
from tests.cli.test_run import clip  # noqa: F401 (fixture)


class Camera(Still):
    live = True


class GoneCamera(Camera):
    def read(self) -> Shot | None:
        return None


def _never(**_: Any) -> Any:
    pytest.fail("opened")


def test_a_file_is_tried_itself(clip: Path) -> None:  # noqa: F811
    opened: list[bool] = []
    trial = trial_of(
        str(clip),
        lambda live: opened.append(live),  # type: ignore[arg-type,return-value]
        Camera(np.zeros((8, 8, 3), np.uint8)),
        None,
    )
    trial.open()
    assert opened == [False] and trial.shows_people


def test_of_a_camera_its_frame_is_tried() -> None:
    frame = np.full((48, 64, 3), 7, np.uint8)
    trial = trial_of("0", _never, Camera(frame), None)
    shot = trial.open().read()
    assert shot is not None and np.array_equal(shot.frame, frame) and trial.shows_people


@pytest.mark.parametrize("reader", [GoneCamera, Still])
def test_else_a_grey_frame_of_its_size(reader: type[Still]) -> None:
    """A camera that gives nothing, and what would lose a frame."""
    trial = trial_of("-", _never, reader(np.zeros((8, 8, 3), np.uint8)), (64, 48))
    shot = trial.open().read()
    assert shot is not None and shot.frame.shape == (48, 64, 3) and np.ptp(shot.frame) == 0
    assert not trial.shows_people


class SomeEngine:
    """Stands for an engine that takes any size."""

    card = SimpleNamespace(name="some")
    session = SimpleNamespace(net_size=None)

    def __init__(self, **options: Any) -> None:
        pass

    def warm_up(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


BUNDLED = {"model": None, "card": None, "net_height": None, "net_size": None, "looks": "one"}


@pytest.mark.parametrize(
    ("change", "shows_people", "ladders"),
    [
        ({}, True, (MODES, REFINED)),
        ({"model": "default-int8"}, True, (MODES, REFINED)),
        ({}, False, (MODES,)),
        ({"model": "own.onnx"}, True, (MODES,)),
        ({"refine": "own-window.onnx"}, True, (MODES,)),
    ],
)
def test_a_second_look_is_tried_where_its_worth_is_known(
    change: dict[str, Any],
    shows_people: bool,
    ladders: tuple[Sequence[Mode], ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[Sequence[Mode]] = []

    def pick(_open: object, _rate: float, *modes: Sequence[Mode]) -> Pick:
        tried.extend(modes)
        return Pick(modes[-1][0], 30.0, True)

    monkeypatch.setattr(rate, "pick", pick)
    monkeypatch.setattr(rate, "Engine", SomeEngine)
    trial = Trial(_never, shows_people)
    options = options_for_rate(25, trial, BUNDLED | change, {}, any_precision=False)
    assert tuple(tried) == ladders
    # What was typed is not taken back.
    assert ("refine" in options) == (len(ladders) == 2)
