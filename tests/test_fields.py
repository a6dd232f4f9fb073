"""Fields: what is accepted as it is, what is converted, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openpaf.errors import FieldsError
from openpaf.fields import Fields
from openpaf.skeleton import BODY_25, COCO_18

MAPS = np.zeros((18, 4, 5), np.float32)
PAFS = np.zeros((38, 4, 5), np.float32)


def test_contiguous_float32_is_not_copied() -> None:
    fields = Fields(MAPS, PAFS)
    assert fields.stride == 8 and fields.skeleton is COCO_18
    assert np.shares_memory(fields.confidence_maps, MAPS)
    assert np.shares_memory(fields.pafs, PAFS)


def test_other_layouts_and_float_types_are_converted() -> None:
    maps = np.ones((4, 5, 18), np.float16).transpose(2, 0, 1)
    pafs = np.ones((38, 8, 10))[:, ::2, ::2]
    fields = Fields(maps, pafs)
    for values in (fields.confidence_maps, fields.pafs):
        assert values.dtype == np.float32 and values.flags.c_contiguous
        assert (values == 1).all()


def test_lists_are_taken_too() -> None:
    assert Fields(MAPS.tolist(), PAFS.tolist()).pafs.shape == (38, 4, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_nan_and_infinity_are_refused_wherever_they_are(value: float, which: int) -> None:
    arrays = [MAPS.copy(), PAFS.copy()]
    arrays[which][-1, 2, 3] = value
    with pytest.raises(FieldsError, match="must be finite"):
        Fields(*arrays)


@pytest.mark.parametrize(
    ("maps", "pafs", "message"),
    [
        (MAPS[:17], PAFS, r"confidence_maps must be \(18, h, w\), got \(17, 4, 5\)"),
        (np.zeros((19, 4, 5)), PAFS, "background dropped"),
        (MAPS, PAFS[:19], r"pafs must be \(38, h, w\)"),
        (MAPS[None], PAFS, r"got \(1, 18, 4, 5\)"),
        (MAPS[:, :0], PAFS[:, :0], "at least one cell"),
        (MAPS.astype(np.uint8), PAFS, "must be floating point, got uint8"),
        (MAPS.astype(complex), PAFS, "must be floating point, got complex128"),
        (MAPS, PAFS[:, :, :4], r"the same grid, got \(4, 5\) and \(4, 4\)"),
    ],
)
def test_what_cannot_be_fields_is_refused(maps: Any, pafs: Any, message: str) -> None:
    with pytest.raises(FieldsError, match=message) as error:
        Fields(maps, pafs)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("stride", [0, -8, True, 8.0, None])
def test_a_stride_that_cannot_be(stride: Any) -> None:
    with pytest.raises(FieldsError, match="stride must be a positive int"):
        Fields(MAPS, PAFS, stride=stride)


def test_a_skeleton_decides_the_channels() -> None:
    with pytest.raises(FieldsError, match=r"\(25, h, w\)"):
        Fields(MAPS, PAFS, skeleton=BODY_25)
    Fields(np.zeros((25, 1, 1)), np.zeros((52, 1, 1)), skeleton=BODY_25)
