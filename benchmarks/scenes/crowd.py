"""How well people of a seeded crowd are found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from openpaf.selftest.crowd import STRIDE
from openpaf.skeleton import Skeleton

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Score:
    """How well people were found; errors are distances, net px, of the parts within a cell."""

    hit: int
    predicted: int
    truth: int
    error: float
    median_error: float


def score_people(found: Float32, truth: Float32, skeleton: Skeleton) -> Score:
    """Match people one to one; a hit has at least half a person's visible parts within a cell."""
    seen = np.isfinite(truth[..., 0])
    truth = truth[seen.sum(axis=1) >= 3]
    seen = np.isfinite(truth[..., 0])
    if not (len(found) and len(truth)):
        return Score(0, len(found), len(truth), float("nan"), float("nan"))
    distance = np.linalg.norm(found[:, None] - truth[None], axis=3)
    near = np.nan_to_num(distance, nan=np.inf) <= STRIDE
    share = near.sum(axis=2) / seen.sum(axis=1)
    mine, theirs = linear_sum_assignment(-share)
    hits = share[mine, theirs] >= 0.5
    mine, theirs = mine[hits], theirs[hits]
    errors = distance[mine, theirs][near[mine, theirs]]
    if not errors.size:
        return Score(int(hits.sum()), len(found), len(truth), float("nan"), float("nan"))
    mean, median = float(errors.mean()), float(np.median(errors))
    return Score(int(hits.sum()), len(found), len(truth), mean, median)
