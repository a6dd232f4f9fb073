"""Boxes: how much they share, and which of several stays."""

from __future__ import annotations

import numpy as np

from openpaf.topdown import boxes as box


def test_overlap_and_cover_of_squares() -> None:
    a = np.array([[0.0, 0, 10, 10]])
    b = np.array([[5.0, 0, 15, 10], [2, 2, 4, 4], [20, 20, 30, 30], [3, 3, 3, 3]])
    np.testing.assert_allclose(box.iou(a, b)[0], [50 / 150, 4 / 100, 0, 0])
    np.testing.assert_allclose(box.covered(b, a)[:, 0], [0.5, 1, 0, 0])
    assert box.iou(a, b[:0]).shape == (1, 0)


def test_the_best_of_what_is_alike_stays(rng: np.random.Generator) -> None:
    low = rng.uniform(0, 20, (40, 2))
    boxes, scores = np.concatenate([low, low + 10], axis=1), rng.uniform(size=40)
    alike = box.iou(boxes, boxes)
    kept = box.best(alike, scores, 0.3)
    assert (np.diff(scores[kept]) <= 0).all()
    for place in range(40):
        better = [k for k in kept if scores[k] > scores[place]]
        assert (place in kept) == (not (alike[place, better] > 0.3).any())
    assert box.best(np.empty((0, 0)), np.empty(0), 0.5).shape == (0,)


def test_boxes_end_at_the_border_of_the_frame() -> None:
    np.testing.assert_array_equal(
        box.clipped(np.array([[-9.0, 3, 50, 99]]), (40, 30)), [[-0.5, 3, 39.5, 29.5]]
    )
