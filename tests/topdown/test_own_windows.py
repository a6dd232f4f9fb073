"""Windows by own points: as large, turned and placed as those by bodies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openpaf.skeleton import FACE_70, HAND_21
from openpaf.topdown.own_windows import faces_again, hands_again
from openpaf.topdown.windows import Windows


def hand() -> np.ndarray:
    """(1, 21, 2) an upright right hand, 0.304 high from wrist to middle finger, about 0, 0."""
    points = np.zeros((1, 21, 2))
    points[0, HAND_21.index("wrist")] = (0, 0.2852)
    for n, finger in enumerate(("index", "middle", "ring", "little")):
        points[0, HAND_21.index(f"{finger}_1")] = (-0.05 + 0.05 * n, -0.0188)
    points[..., 0] -= points[:, [0, 5, 9, 13, 17], 0].mean()
    points[0, HAND_21.index("middle_1"), 0] = points[0, 0, 0]
    return points


def face() -> np.ndarray:
    """(1, 70, 2) an ellipse, 0.613 high, and level eyes, about 0, -0.046."""
    angles = np.linspace(0, 2 * np.pi, 70, endpoint=False)
    points = np.stack([0.25 * np.cos(angles), 0.3065 * np.sin(angles)], axis=1)[None]
    for side, x in (("right", -0.13), ("left", 0.13)):
        for k, part in enumerate(FACE_70.parts):
            if part.startswith(f"{side}_eye"):
                points[0, k] = (x, 0)
    points -= points.mean(axis=1, keepdims=True) + (0, 0.046)
    return points


@pytest.mark.parametrize("make, again", [(hand, hands_again), (face, faces_again)])
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_window_that_points_lie_in_comes_back(
    make: Any, again: Any, angle: float, mirrored: bool
) -> None:
    if make is face and mirrored:
        pytest.skip("faces are not mirrored")
    true = Windows(
        np.array([[300.0, 200.0]]), np.array([[80.0, 80.0]]), np.array([angle]),
        np.array([mirrored]),
    )  # fmt: skip
    points = true.to_frame((make() + 0.5) * 100, (101, 101))
    found = again(points, np.array([mirrored]))
    np.testing.assert_allclose(found.sides, true.sides, rtol=0.12)
    np.testing.assert_allclose(found.centres, true.centres, atol=5)
    np.testing.assert_allclose(np.exp(1j * found.angles), np.exp(1j * true.angles), atol=0.1)
    assert found.mirrored.tolist() == [mirrored]
