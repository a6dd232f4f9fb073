"""The decoder of the literature, as a baseline: upsample everything, then look at every pixel.

Written from the description in CVPR 2017, sections 2.2-2.4, with the choices usual in Python ports:
cubic upsampling of all maps to the net-input size, maxima over the four neighbours, ten samples a
limb of which eight must be above 0.05, a penalty for pairs longer than half the picture, greedy
one-to-one matching a limb at a time, people grown limb by limb. NumPy and OpenCV, no compilation;
all ends of one start are scored at once.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from openpaf.fields import Fields

Float32 = NDArray[np.float32]

PEAK_THRESHOLD = 0.1
PAF_THRESHOLD = 0.05
MIN_FRACTION = 0.8
SAMPLES = 10
MIN_PARTS = 3
MIN_SCORE = 0.2
SUPPRESSION_RADIUS = 6.0


def _upsample(maps: Float32, factor: int) -> Float32:
    size = (maps.shape[2] * factor, maps.shape[1] * factor)
    return np.stack([cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC) for grid in maps])


def _peaks(grid: Float32) -> Float32:
    """(n, 3) x, y, score of the maxima of one map, the weaker of two close ones left out."""
    padded = np.pad(grid, 1)
    middle = padded[1:-1, 1:-1]
    is_peak = middle > PEAK_THRESHOLD
    for neighbour in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        is_peak &= middle >= neighbour
    y, x = np.nonzero(is_peak)
    found = np.stack([x, y, grid[y, x]], axis=1).astype(np.float32)
    kept: list[Float32] = []
    for peak in found[np.argsort(-found[:, 2], kind="stable")]:
        if all(np.hypot(*(peak[:2] - other[:2])) >= SUPPRESSION_RADIUS for other in kept):
            kept.append(peak)
    return np.array(kept, np.float32).reshape(-1, 3)


def _connections(
    field_x: Float32, field_y: Float32, starts: Float32, ends: Float32
) -> list[tuple[int, int, float]]:
    """Pairs (i, j, score) of one limb, matched greedily one to one."""
    height, width = field_x.shape
    pairs = []
    steps = np.linspace(0, 1, SAMPLES, dtype=np.float32)[None, :, None]
    for i, start in enumerate(starts):
        along = ends[:, :2] - start[:2]
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
        places = np.rint(start[:2] + steps * along[:, None]).astype(int)
        x = places[..., 0].clip(0, width - 1)
        y = places[..., 1].clip(0, height - 1)
        unit = along / length[:, None]
        dots = field_x[y, x] * unit[:, :1] + field_y[y, x] * unit[:, 1:]
        scores = dots.mean(axis=1) + np.minimum(0.5 * height / length - 1, 0)
        accepted = ((dots > PAF_THRESHOLD).mean(axis=1) >= MIN_FRACTION) & (scores > 0)
        pairs += [(i, int(j), float(scores[j])) for j in np.flatnonzero(accepted)]
    taken_starts, taken_ends, matched = set(), set(), []
    for i, j, score in sorted(pairs, key=lambda pair: -pair[2]):
        if i not in taken_starts and j not in taken_ends:
            taken_starts.add(i)
            taken_ends.add(j)
            matched.append((i, j, score))
    return matched


def _assemble(
    fields: Fields, matched: list[list[tuple[int, int, float]]]
) -> list[tuple[dict[int, int], float]]:
    """People as (candidate of each part, sum of connection scores)."""
    people: list[tuple[dict[int, int], float]] = []
    for (a, b), connections in zip(fields.skeleton.limbs, matched, strict=True):
        for i, j, score in connections:
            holders = [p for p, (m, _) in enumerate(people) if m.get(a) == i or m.get(b) == j]
            if not holders:
                people.append(({a: i, b: j}, score))
            elif len(holders) == 1:
                members, total = people[holders[0]]
                if members.setdefault(a, i) == i and members.setdefault(b, j) == j:
                    people[holders[0]] = (members, total + score)
            else:
                (first, s), (second, t) = people[holders[0]], people[holders[1]]
                if not first.keys() & second.keys():
                    people[holders[0]] = (first | second, s + t + score)
                    del people[holders[1]]
    return people


def decode_upsampled(fields: Fields) -> tuple[Float32, Float32, Float32]:
    """Find everyone: keypoints (N, K, 2) in net px, scores (N, K), person scores (N,)."""
    parts = len(fields.skeleton.parts)
    confidence_maps = _upsample(fields.confidence_maps, fields.stride)
    pafs = _upsample(fields.pafs, fields.stride)
    candidates = [_peaks(grid) for grid in confidence_maps]
    matched = [
        _connections(pafs[2 * limb], pafs[2 * limb + 1], candidates[a], candidates[b])
        for limb, (a, b) in enumerate(fields.skeleton.limbs)
    ]
    keypoints, scores, person_scores = [], [], []
    for members, total in _assemble(fields, matched):
        row = np.full((parts, 3), (np.nan, np.nan, 0), np.float32)
        for part, candidate in members.items():
            row[part] = candidates[part][candidate]
        total += float(row[:, 2].sum())
        if len(members) >= MIN_PARTS and total / len(members) >= MIN_SCORE:
            keypoints.append(row[:, :2])
            scores.append(row[:, 2])
            person_scores.append(total)
    return (
        np.array(keypoints, np.float32).reshape(-1, parts, 2),
        np.array(scores, np.float32).reshape(-1, parts),
        np.array(person_scores, np.float32),
    )
