"""Numbers of any length where a number is asked for: taken, or refused by name in one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from openpaf.decoder.config import DecoderConfig
from openpaf.errors import OpenPafError
from openpaf.fields import Fields
from openpaf.preprocess import check_net_size
from openpaf.skeleton import COCO_18
from openpaf.track.config import TrackConfig

from .test_cards import one_line

_NUMBERS = {
    "400 digits": 10**400,
    "5000 digits": 10**5000,
    "minus 5000 digits": -(10**5000),
    "NaN": math.nan,
    "infinite": math.inf,
    "2**63": 2**63,
}


def _stride(value: Any) -> Fields:
    maps = np.zeros((18, 2, 2), np.float32), np.zeros((38, 2, 2), np.float32)
    return Fields(*maps, value, COCO_18)


_MAKERS: dict[str, Callable[[Any], object]] = {
    "stride of fields": _stride,
    "net height": lambda value: check_net_size(value, None, 8),
    "net size": lambda value: check_net_size(368, (368, value), 8),
    **{
        f"decoder's {field.name}": lambda value, name=field.name: DecoderConfig(**{name: value})
        for field in fields(DecoderConfig)
        if isinstance(field.default, int | float) and not isinstance(field.default, bool)
    },
    **{
        f"tracker's {field.name}": lambda value, name=field.name: TrackConfig(**{name: value})
        for field in fields(TrackConfig)
        if not isinstance(field.default, bool)
    },
}


@pytest.mark.parametrize("number", _NUMBERS)
@pytest.mark.parametrize("maker", _MAKERS)
def test_a_number_that_is_none(maker: str, number: str) -> None:
    with pytest.raises(OpenPafError) as error:
        _MAKERS[maker](_NUMBERS[number])
    assert one_line(error.value)
