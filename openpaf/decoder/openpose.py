"""Fields to people by OpenPose's rules, without the enlarged maps those rules speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder.config import OpenPoseRules
from openpaf.fields import Fields
from openpaf.skeleton import MPI_15, Skeleton
from openpaf_kernels.openpose import find_enlarged_peaks, score_enlarged_pairs
from openpaf_kernels.openpose_people import assemble_all_pairs, assemble_limb_by_limb

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

# OpenPose keeps no more peaks of a part, the first in raster order.
_MAX_PEAKS = 127


@dataclass(frozen=True)
class _Filter:
    """Who is kept: at least so many parts, at least so much score a part."""

    min_parts: int
    min_score: float
    without_feet: bool


@dataclass(frozen=True)
class _Thresholds:
    nms: np.float32
    inter: np.float32
    min_above: np.float32


def _thresholds(rules: OpenPoseRules, skeleton: Skeleton) -> _Thresholds:
    mpi = skeleton == MPI_15
    nms = rules.nms_threshold
    if nms is None:
        nms = 0.6 if mpi else 0.02 if rules.maximize_positives else 0.05
    inter = 0.01 if mpi or rules.maximize_positives else 0.05
    above = 0.75 if rules.maximize_positives else 0.95
    return _Thresholds(np.float32(nms), np.float32(inter), np.float32(above))


def _feet(skeleton: Skeleton) -> list[int]:
    return [k for k, part in enumerate(skeleton.parts) if part.endswith(("_toe", "_heel"))]


def _cubic_weights(stride: int) -> Float32:
    """(stride, 4) cubic convolution weights (Keys 1981, a = -0.75); pixel x uses row x % stride."""
    a = -0.75
    after_centre = ((2 * np.arange(stride) + 1 - stride) % (2 * stride)) / (2 * stride)
    distance = np.abs(after_centre[:, None] + 1 - np.arange(4))
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, far).astype(np.float32)


class _Candidates(NamedTuple):
    xs: Float32
    ys: Float32
    scores: Float32
    counts: Int32


class _Pairs(NamedTuple):
    limb: Int32
    a: Int32
    b: Int32
    score: Float32

    def in_order(self, order: NDArray[np.intp]) -> _Pairs:
        return _Pairs(self.limb[order], self.a[order], self.b[order], self.score[order])


class _Assembled(NamedTuple):
    members: Int32
    sums: Float32
    sizes: Int32


def people_by_openpose(fields: Fields, rules: OpenPoseRules) -> tuple[Float32, Float32, Float32]:
    """Find everyone OpenPose would: CVPR 2017, section 2, with the choices OpenPose made.

    Parameters
    ----------
    fields : Fields
    rules : OpenPoseRules

    Returns
    -------
    keypoints : (N, K, 2) float32
        Net px plus OpenPose's half, NaN where missing.
    scores : (N, K) float32
        0 where missing.
    person_scores : (N,) float32
    """
    skeleton = fields.skeleton
    thresholds = _thresholds(rules, skeleton)
    limbs = np.array(skeleton.limbs, np.int32).reshape(-1, 2)
    candidates = enlarged_peaks(fields, float(thresholds.nms))
    pairs = _score_pairs(fields, limbs, thresholds, candidates)
    if rules.assembly == "cpu":
        people = _assemble_cpu(skeleton, limbs, candidates, pairs)
    else:
        people = _assemble_cuda(limbs, candidates, pairs)
    kept = _kept(people, skeleton, rules)
    return _gathered(people, kept, candidates, len(limbs))


def enlarged_peaks(fields: Fields, threshold: float) -> _Candidates:
    """Maxima of the confidence maps as if enlarged to the net input, in OpenPose's coordinates."""
    maps = np.require(fields.confidence_maps, np.float32, ["C", "A", "W"])
    shape = (len(maps), _MAX_PEAKS)
    found = _Candidates(
        np.empty(shape, np.float32),
        np.empty(shape, np.float32),
        np.empty(shape, np.float32),
        np.empty(len(maps), np.int32),
    )
    line = np.empty(fields.stride, np.float32)
    square = np.empty((fields.stride, fields.stride), np.float32)
    places = np.empty(_MAX_PEAKS, np.int64)
    find_enlarged_peaks(
        maps, np.float32(threshold), _cubic_weights(fields.stride), line, square, places, *found
    )
    return found


def _score_pairs(
    fields: Fields, limbs: Int32, thresholds: _Thresholds, candidates: _Candidates
) -> _Pairs:
    pafs = np.require(fields.pafs, np.float32, ["C", "A", "W"])
    counts = candidates.counts.astype(np.int64)
    room = int((counts[limbs[:, 0]] * counts[limbs[:, 1]]).sum())
    pairs = _Pairs(
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.float32),
    )
    weights = _cubic_weights(fields.stride)
    found = score_enlarged_pairs(
        pafs, limbs, weights, candidates.xs, candidates.ys, candidates.counts,
        thresholds.inter, thresholds.min_above, np.float32(thresholds.nms + np.float32(1e-6)),
        pairs.limb, pairs.a, pairs.b, pairs.score,
    )  # fmt: skip
    return pairs.in_order(np.arange(found))


def _empty_people(candidates: _Candidates, limbs: Int32) -> _Assembled:
    parts = len(candidates.counts)
    room = _MAX_PEAKS * max(len(limbs), parts)
    return _Assembled(
        np.empty((room, parts), np.int32), np.empty(room, np.float32), np.empty(room, np.int32)
    )


def _assemble_cpu(
    skeleton: Skeleton, limbs: Int32, candidates: _Candidates, pairs: _Pairs
) -> _Assembled:
    best_first = np.lexsort((-pairs.b, -pairs.a, -pairs.score, pairs.limb))
    pairs = pairs.in_order(best_first)
    redundant = np.zeros(len(limbs), np.bool_)
    redundant[list(skeleton.redundant_limbs)] = True
    people = _empty_people(candidates, limbs)
    count = assemble_limb_by_limb(
        limbs, redundant, skeleton != MPI_15, candidates.counts, candidates.scores,
        pairs.limb, pairs.a, pairs.b, pairs.score, np.empty((2, _MAX_PEAKS), np.bool_),
        people.members, people.sums, people.sizes,
    )  # fmt: skip
    return _Assembled(people.members[:count], people.sums[:count], people.sizes[:count])


def _assemble_cuda(limbs: Int32, candidates: _Candidates, pairs: _Pairs) -> _Assembled:
    ends = limbs[pairs.limb]
    support = candidates.scores[ends[:, 0], pairs.a] + candidates.scores[ends[:, 1], pairs.b]
    best_first = np.argsort(-(pairs.score + np.float32(0.1) * support), kind="stable")
    pairs = pairs.in_order(best_first)
    people = _empty_people(candidates, limbs)
    count = assemble_all_pairs(
        limbs, candidates.counts, candidates.scores, pairs.limb, pairs.a, pairs.b, pairs.score,
        np.empty(candidates.xs.shape, np.int32), people.members, people.sums, people.sizes,
    )  # fmt: skip
    return _Assembled(people.members[:count], people.sums[:count], people.sizes[:count])


def _kept(people: _Assembled, skeleton: Skeleton, rules: OpenPoseRules) -> NDArray[np.intp]:
    """Rows of the people OpenPose reports; with nobody left it asks again, less strictly."""
    lenient = _Filter(2, 0.05, without_feet=False)
    strict = _Filter(3, 0.4, without_feet=True)
    for rule in [lenient] if rules.maximize_positives else [strict, lenient]:
        sizes = people.sizes.copy()
        keep = np.ones(len(sizes), np.bool_)
        feet = _feet(skeleton)
        if feet and rule.without_feet:
            toes = (people.members[:, feet] >= 0).sum(axis=1)
            sizes -= toes
            keep = (toes == 0) | (sizes > 4)
        keep &= (sizes >= rule.min_parts) & (
            people.sums >= np.float32(rule.min_score) * np.maximum(sizes, 1)
        )
        if keep.any():
            return np.flatnonzero(keep)
    return np.empty(0, np.intp)


def _gathered(
    people: _Assembled, kept: NDArray[np.intp], candidates: _Candidates, limbs: int
) -> tuple[Float32, Float32, Float32]:
    members = people.members[kept]
    parts = np.arange(members.shape[1])
    missing = members < 0
    scores = np.where(missing, np.float32(0), candidates.scores[parts, members])
    keypoints = np.stack([candidates.xs[parts, members], candidates.ys[parts, members]], axis=2)
    keypoints[missing] = np.nan
    person_scores = people.sums[kept] / np.float32(members.shape[1] + limbs)
    best_first = np.argsort(-person_scores, kind="stable")
    return keypoints[best_first], scores[best_first], person_scores[best_first]
