"""Reading maps: places between cells come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openpaf.topdown import heads

WIDTH, HEIGHT = 24, 32
inside = st.tuples(st.floats(6, WIDTH - 7), st.floats(6, HEIGHT - 7))


def gaussian(x: float, y: float, sigma: float = 2.0) -> np.ndarray:
    across = np.exp(-((np.arange(WIDTH) - x) ** 2) / (2 * sigma**2))
    down = np.exp(-((np.arange(HEIGHT) - y) ** 2) / (2 * sigma**2))
    return (down[:, None] * across)[None, None].astype(np.float32)


@settings(deadline=None)
@given(inside)
def test_places_between_cells_come_back(place: tuple[float, float]) -> None:
    maps = gaussian(*place)
    for read, tolerance in (
        (heads.quadratic, 0.001),
        (lambda m: heads.quadratic(m, 11), 0.01),
        (heads.quarter, 0.26),
        (heads.soft_argmax, 0.05),
    ):
        cells, _ = read(maps)
        np.testing.assert_allclose(cells[0, 0], place, atol=tolerance)
    assert heads.quadratic(maps)[1][0, 0] == pytest.approx(float(maps.max()))


def test_on_the_border_and_nowhere() -> None:
    maps = np.zeros((1, 2, HEIGHT, WIDTH), np.float32)
    maps[0, 0, 0, WIDTH - 1] = 1
    for read in (heads.quadratic, heads.quarter, heads.soft_argmax):
        cells, scores = read(maps)
        assert np.isfinite(cells).all() and np.isfinite(scores).all()
        np.testing.assert_allclose(cells[0, 0], (WIDTH - 1, 0), atol=0.26)
        assert scores[0, 1] == 0
    np.testing.assert_allclose(heads.soft_argmax(maps)[0][0, 1], ((WIDTH - 1) / 2, 15.5))


def test_softmax_leaves_a_share_to_nowhere_and_its_mass_says_how_sure() -> None:
    logits = np.zeros((1, 2, HEIGHT, WIDTH), np.float32)
    logits[0, 0, 10, 10] = 1000
    maps = heads.softmax(logits)
    cells = WIDTH * HEIGHT
    np.testing.assert_allclose(maps.sum(axis=(2, 3)), [[1, cells / (cells + 1)]], rtol=1e-5)
    assert heads.softmax(logits - 2000).sum() == 0
    sure, unsure = heads.mass(maps)[0]
    assert sure == pytest.approx(1) and unsure < 0.05
