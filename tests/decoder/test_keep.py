"""Who stays where there are more people than are wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from openpaf.decoder import DecoderConfig, decode
from openpaf.decoder.keep import kept
from openpaf.errors import ConfigError
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18
from tests.scenes import scene, upright

SIZE = (480, 320)


def everybody() -> Poses:
    """The surest at the left, the largest at the right, the smallest near the middle."""
    people = np.stack([upright((60, 160)), upright((400, 160), 1.5), upright((230, 160), 0.5)])
    return Poses(people, np.full((3, 18), 0.5), np.array([0.9, 0.8, 0.7]), COCO_18, [4, 5, 6])


@pytest.mark.parametrize(
    ("keep", "ids"),
    [
        ("score", [[4], [4, 5], [4, 5, 6]]),
        ("largest", [[5], [4, 5], [4, 5, 6]]),
        ("central", [[6], [5, 6], [4, 5, 6]]),
    ],
)
def test_who_stays_and_in_which_order(keep: Any, ids: list[list[int]]) -> None:
    for most, expected in enumerate(ids, 1):
        found = kept(everybody(), DecoderConfig(max_people=most, keep=keep), SIZE)
        assert found.ids is not None and found.ids.tolist() == expected


def test_the_middle_is_that_of_the_frame() -> None:
    config = DecoderConfig(max_people=1, keep="central")
    assert kept(everybody(), config, (100, 320)).ids == [4]
    assert kept(everybody(), config, (900, 320)).ids == [5]


def test_everybody_stays_where_there_is_room() -> None:
    poses = everybody()
    for config in (DecoderConfig(), DecoderConfig(max_people=3, keep="largest")):
        assert kept(poses, config, SIZE) is poses


@pytest.mark.parametrize("rules", [False, True])
def test_of_fields_alone(rules: bool) -> None:
    fields = scene([upright((100, 150)), upright((350, 150), 1.3), upright((230, 150), 0.7)])
    config = DecoderConfig.openpose() if rules else DecoderConfig()
    assert len(decode(fields, config)) == 3
    for keep, x in {"largest": 350, "central": 230}.items():
        (one,) = decode(fields, replace(config, max_people=1, keep=keep))  # type: ignore[arg-type]
        assert one["nose"].x == pytest.approx(x, abs=1)


def test_keep_alone_would_do_nothing() -> None:
    with pytest.raises(ConfigError, match="give that too, such as max_people=1"):
        DecoderConfig(keep="largest")
    with pytest.raises(ConfigError, match="keep must be one of score, largest, central, got 'big'"):
        DecoderConfig(keep="big", max_people=1)  # type: ignore[arg-type]


def test_options_that_are_not_given_stay() -> None:
    config = DecoderConfig(max_people=2, keep="largest")
    assert config.with_given(max_people=None, min_score=None) is config
    changed = config.with_given(keep="central", min_score=0.0)
    assert changed == DecoderConfig(max_people=2, keep="central", min_score=0.0)
