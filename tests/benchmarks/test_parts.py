"""How networks of hands and faces are measured against the one that taught them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

pytest.importorskip("torch")

from benchmarks.bench_parts import Looked, area_under_curve, errors, exchanged, figures_of
from openpaf.skeleton import FACE_70, HAND_21, Skeleton


def looked(skeleton: Skeleton) -> Looked:
    """Six windows, four of them of something, each answered as the teacher has it."""
    rng = np.random.default_rng(1)
    places = rng.uniform(0.2, 0.8, (6, len(skeleton.parts), 2))
    return Looked(
        photograph=np.array([0, 0, 1, 1, 2, 2]),
        presence=np.array([0.9, 0.1, 0.8, 0.2, 0.7, 0.6]),
        scores=np.array([0.9, 0.2, 0.8, 0.1, 0.7, 0.15]),
        theirs=places,
        ours=places.copy(),
        tiles=np.zeros((6, 160, 160, 3), np.uint8),
    )


@pytest.mark.parametrize("skeleton", [HAND_21, FACE_70])
def test_what_the_teacher_says_is_right(skeleton: Skeleton) -> None:
    figures = figures_of(looked(skeleton), skeleton)
    best = figures["NME"]["value"] == 0 if skeleton is FACE_70 else figures["PCK@0.2"]["value"] == 1
    assert best and figures["exchanged"]["value"] == 0
    assert figures["presence"]["value"] == 7 / 8


def test_an_answer_of_the_other_side_is_exchanged() -> None:
    face, hand = looked(FACE_70), looked(HAND_21)
    assert exchanged(replace(face, ours=face.theirs[:, list(FACE_70.flip)]), FACE_70).all()
    order = [0, 17, 18, 19, 20, 13, 14, 15, 16, 9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4]
    assert exchanged(replace(hand, ours=hand.theirs[:, order]), HAND_21).all()


def test_errors_are_in_sizes_of_what_is_looked_at() -> None:
    hand = looked(HAND_21)
    longer = np.ptp(hand.theirs, axis=1).max(axis=1)
    moved = replace(hand, ours=hand.ours + 0.1)
    np.testing.assert_allclose(errors(moved, HAND_21)[:, 3], np.sqrt(2) * 0.1 / longer)


def test_the_area_is_that_of_the_rank_test() -> None:
    rng = np.random.default_rng(2)
    there, scores = rng.random(200) < 0.4, np.round(rng.random(200), 2)
    scores[there] += 0.2
    expected = mannwhitneyu(scores[there], scores[~there]).statistic / there.sum() / (~there).sum()
    assert area_under_curve(there, scores, np.ones(200)) == pytest.approx(expected)
