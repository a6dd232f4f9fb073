"""The decoder as its users meet it."""

from __future__ import annotations

import numpy as np
import pytest

from openpaf.config import DecoderConfig
from openpaf.decoder import decode
from openpaf.errors import ConfigError
from openpaf.fields import Fields


def test_nobody_is_empty() -> None:
    poses = decode(Fields(np.zeros((18, 6, 7), np.float32), np.zeros((38, 6, 7), np.float32)))
    assert poses.keypoints.shape == (0, 18, 2)


@pytest.mark.parametrize(
    "option",
    [
        {"peak_threshold": -1},
        {"peak_threshold": float("nan")},
        {"refinement": "best"},
        {"max_candidates": 0},
        {"max_people": 1.5},
        {"min_score": float("inf")},
        {"min_parts": True},
    ],
)
def test_config_refuses(option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        DecoderConfig(**option)  # type: ignore[arg-type]
