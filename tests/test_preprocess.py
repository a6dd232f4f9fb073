"""Placement: exact there and back, any frame size, and the pixels where it says they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpaf.errors import ConfigError
from openpaf.preprocess import (
    MAX_NET_ASPECT,
    PADDING,
    Placement,
    check_net_size,
    fit,
    place,
)

SIDES = st.integers(1, 20_000)


@given(width=SIDES, height=SIDES, net_height=st.integers(8, 1000), stride=st.sampled_from([4, 8]))
def test_any_frame_fits(width: int, height: int, net_height: int, stride: int) -> None:
    placement = place((width, height), net_height=net_height, stride=stride)
    for inner, net in zip(placement.inner_size, placement.net_size, strict=True):
        assert 1 <= inner <= net
        assert net % stride == 0 and net - inner < stride
    assert placement.net_size[0] <= MAX_NET_ASPECT * net_height + stride
    assert placement.net_size[1] <= net_height + stride


@given(width=SIDES, height=SIDES, net_width=st.integers(1, 100), net_height=st.integers(1, 100))
def test_a_fixed_size_is_kept(width: int, height: int, net_width: int, net_height: int) -> None:
    net_size = (8 * net_width, 8 * net_height)
    placement = place((width, height), net_size=net_size)
    assert placement.net_size == net_size
    assert all(1 <= side <= room for side, room in zip(placement.inner_size, net_size, strict=True))
    assert any(side == room for side, room in zip(placement.inner_size, net_size, strict=True))


@given(width=SIDES, height=SIDES, x=st.floats(-100, 20_100), y=st.floats(-100, 20_100))
def test_there_and_back(width: int, height: int, x: float, y: float) -> None:
    placement = place((width, height))
    point = np.array([[x, y]])
    np.testing.assert_allclose(placement.to_frame(placement.to_net(point)), point, atol=1e-6)


@given(width=SIDES, height=SIDES)
def test_outer_edges_coincide(width: int, height: int) -> None:
    placement = place((width, height))
    covered = np.array(placement.covered_size)
    np.testing.assert_allclose(placement.to_net(np.array([-0.5, -0.5])), -0.5, atol=1e-9)
    np.testing.assert_allclose(
        placement.to_net(covered - 0.5), np.array(placement.inner_size) - 0.5, atol=1e-9
    )
    left_out = (np.array([width, height]) - covered) * placement.scale
    assert (left_out >= 0).all() and (left_out < 1).all()


def test_usual_sizes() -> None:
    assert place((1280, 720)).net_size == (656, 368)
    assert place((640, 480)).net_size == (496, 368)
    assert place((480, 640)).net_size == (280, 368)
    assert place((1920, 1080)).halvings == 1
    assert place((3840, 2160)).halvings == 2
    assert place((640, 480)).halvings == 0


def test_a_panorama_is_capped_and_keeps_its_aspect() -> None:
    placement = place((20_000, 100))
    assert placement.net_size == (4 * 368, 8)
    assert placement.inner_size == (4 * 368, 7)


@pytest.mark.parametrize(
    "frame_size", [(640, 480), (1280, 720), (1999, 1499), (200, 150), (37, 900)]
)
def test_pixels_lie_where_the_placement_says(frame_size: tuple[int, int]) -> None:
    width, height = frame_size
    y, x = np.mgrid[:height, :width]
    # A plane is what averaging and interpolation both leave as it is.
    frame = np.stack([250 * x / width, 250 * y / height, 0 * x], axis=2).astype(np.uint8)
    placement = place(frame_size)
    net_frame = fit(frame, placement)
    inner_width, inner_height = placement.inner_size
    assert (net_frame[inner_height:] == PADDING).all()
    assert (net_frame[:, inner_width:] == PADDING).all()
    edge = 2 + int(np.ceil(placement.scale.max()))
    for x_net, y_net in [(edge, edge), (inner_width // 2, inner_height // 3)]:
        at = placement.to_frame(np.array([x_net, y_net]))
        expected = 250 * at / np.array(frame_size)
        np.testing.assert_allclose(net_frame[y_net, x_net, :2], expected, atol=1.6)


def test_a_fine_pattern_is_averaged_and_not_sampled() -> None:
    frame = np.zeros((1472, 1472, 3), np.uint8)
    frame[:, ::2] = 200
    net_frame = fit(frame, place((1472, 1472)))
    assert net_frame.shape == (368, 368, 3)
    assert (net_frame == 100).all()


@pytest.mark.parametrize("frame_size", [(1, 1), (20_000, 100), (100, 20_000), (70_000, 3)])
def test_absurd_frames_are_fitted(frame_size: tuple[int, int]) -> None:
    placement = place(frame_size)
    net_frame = fit(np.full((*frame_size[::-1], 3), 9, np.uint8), placement)
    inner_width, inner_height = placement.inner_size
    assert (net_frame[:inner_height, :inner_width] == 9).all()


@pytest.mark.parametrize(
    ("net_height", "net_size", "message"),
    [
        (4, None, "net_height must be a whole number from 8"),
        (100_000, None, "to 4096"),
        (368.0, None, "net_height must be a whole number"),
        (True, None, "net_height must be a whole number"),
        (368, (656,), r"must be \(width, height\)"),
        (368, 656, r"must be \(width, height\)"),
        (368, (650, 366), r"multiples of the stride 8, got \(650, 366\); use \(648, 368\)"),
        (368, (0, 8), "a side of net_size must be"),
    ],
)
def test_impossible_sizes_are_refused(net_height: int, net_size: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_net_size(net_height, net_size, 8)  # type: ignore[arg-type]


def test_placement_is_a_value() -> None:
    assert place((640, 480)) == Placement((640, 480), (491, 368), (496, 368), 0)
