"""Windows: where they lie, what is in them, and the way back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from openpaf.topdown.windows import Windows, cut

SIZE = (48, 64)


def test_a_window_has_the_networks_aspect_and_holds_its_box() -> None:
    wide, high = Windows.around([[10, 20, 110, 40], [10, 20, 20, 180]], SIZE, factor=1.5).sides
    np.testing.assert_allclose(wide, (150, 200))
    np.testing.assert_allclose(high, (180, 240))
    turned = Windows.around([[10, 20, 110, 40]], SIZE, angles=math.pi / 2)
    np.testing.assert_allclose(turned.sides[0], (75, 100))


def test_the_outermost_px_lie_on_the_border() -> None:
    windows = Windows.around([[10, 20, 40, 60]], SIZE)
    corners = windows.to_frame(np.array([[[0, 0], [47, 63]]]), SIZE)
    np.testing.assert_allclose(corners, [[[10, 20], [40, 60]]])


@pytest.mark.parametrize(
    ("angle", "mirrored", "expected"),
    [
        (0.0, True, (40, 20)),
        (math.pi / 2, False, (45, 25)),
        (-math.pi / 2, False, (5, 55)),
        (math.pi, False, (40, 60)),
    ],
)
def test_turned_and_mirrored_windows(
    angle: float, mirrored: bool, expected: tuple[float, float]
) -> None:
    """Its first px is the corner of the box that comes to the top left."""
    windows = Windows(
        np.array([[25.0, 40.0]]), np.array([[30.0, 40.0]]), np.array([angle]), np.array([mirrored])
    )
    first = windows.to_frame(np.zeros((1, 1, 2)), SIZE)[0, 0]
    np.testing.assert_allclose(first, expected, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.7, math.pi / 2, -2.5])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("side", [20.0, 90.0, 500.0])
def test_pixels_come_from_where_the_affine_says(angle: float, mirrored: bool, side: float) -> None:
    """On a frame whose blue is x and whose green is y, halved or not."""
    y, x = np.mgrid[:240, :250]
    frame = np.stack([x, y, 0 * x], axis=-1).astype(np.uint8)
    windows = Windows(
        np.array([[125.0, 120.0]]), np.array([[side * 0.75, side]]),
        np.array([angle]), np.array([mirrored]),
    )  # fmt: skip
    pixels = cut(frame, windows, SIZE)[0]
    ys, xs = np.mgrid[:64, :48]
    places = windows.to_frame(np.stack([xs, ys], axis=-1).reshape(1, -1, 2), SIZE)[0]
    margin = side / 32
    inside = ((places > margin) & (places < np.array([249, 239]) - margin)).all(axis=1)
    assert inside.sum() > 200
    got = pixels.reshape(-1, 3)[inside, :2]
    np.testing.assert_allclose(got, places[inside], atol=0.75 + side / 200)


def test_beyond_the_frame_it_is_black() -> None:
    frame = np.full((30, 40, 3), 200, np.uint8)
    boxes = [[-900, -900, -800, -800], [1e5, 10, 1.1e5, 900], [30, 10, 50, 20], [5, 5, 5, 5]]
    off, far, half, point = cut(frame, Windows.around(boxes, SIZE), SIZE)
    assert not off.any() and not far.any()
    assert (half[:, :20] == 200).any() and not half[:, -5:].any()
    assert (point == 200).all()


def test_nobody() -> None:
    windows = Windows.around(np.empty((0, 4)), SIZE)
    assert cut(np.zeros((9, 9, 3), np.uint8), windows, SIZE).shape == (0, 64, 48, 3)
    assert windows.to_frame(np.empty((0, 5, 2)), SIZE).shape == (0, 5, 2)
