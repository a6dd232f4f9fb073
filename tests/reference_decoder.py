"""The decoder again, slow and obvious: what every kernel is compared with."""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


class Candidate(NamedTuple):
    x: float
    y: float
    score: float


class Connection(NamedTuple):
    a: int
    b: int
    score: float


def _vertex(before: float, middle: float, after: float) -> tuple[float, float]:
    slope, curvature = (after - before) / 2, 2 * middle - before - after
    if curvature <= 1e-6:
        return 0.0, 0.0
    offset = min(max(slope / curvature, -0.5), 0.5)
    return offset, offset * (slope - curvature * offset / 2)


def _centroid(grid: Float32, y: int, x: int) -> tuple[float, float]:
    h, w = grid.shape
    cells = [
        (v, u, max(float(grid[v, u]), 0.0))
        for v, u in product(range(y - 1, y + 2), range(x - 1, x + 2))
        if 0 <= v < h and 0 <= u < w
    ]
    total = sum(value for _, _, value in cells)
    return (
        sum(u * value for _, u, value in cells) / total,
        sum(v * value for v, _, value in cells) / total,
    )


def refine(grid: Float32, y: int, x: int, refinement: str) -> Candidate:
    """Place and height of the peak at a cell."""
    h, w = grid.shape
    value = float(grid[y, x])
    if refinement == "none":
        return Candidate(x, y, value)
    if refinement == "centroid":
        return Candidate(*_centroid(grid, y, x), value)
    offsets, gains = [], []
    for inside, before, after in (
        (0 < x < w - 1, grid[y, max(x - 1, 0)], grid[y, min(x + 1, w - 1)]),
        (0 < y < h - 1, grid[max(y - 1, 0), x], grid[min(y + 1, h - 1), x]),
    ):
        offset, gain = 0.0, 0.0
        if inside and refinement == "quarter_offset":
            offset = 0.25 * float(np.sign(after - before))
        elif inside and refinement == "quadratic":
            offset, gain = _vertex(float(before), value, float(after))
        elif inside:
            logs = [math.log(max(float(v), 1e-6)) for v in (before, value, after)]
            offset, gain = _vertex(*logs)
        offsets.append(offset)
        gains.append(gain)
    gain = sum(gains)
    height = value * math.exp(gain) if refinement == "log_quadratic" else value + gain
    return Candidate(x + offsets[0], y + offsets[1], height)


def find_peaks(grid: Float32, threshold: float, refinement: str) -> list[Candidate]:
    """Candidates of one map in raster order."""
    h, w = grid.shape
    found = []
    for y, x in product(range(h), range(w)):
        value = grid[y, x]
        if not value > threshold:
            continue
        higher = False
        for v, u in product(range(y - 1, y + 2), range(x - 1, x + 2)):
            if (v, u) == (y, x) or not (0 <= v < h and 0 <= u < w):
                continue
            earlier = (v, u) < (y, x)
            higher = higher or grid[v, u] > value or (earlier and grid[v, u] == value)
        if not higher:
            found.append(refine(grid, y, x, refinement))
    return found


def bilinear(grid: Float32, x: float, y: float) -> float:
    h, w = grid.shape
    x0, y0 = min(int(x), w - 2), min(int(y), h - 2)
    fx, fy = x - x0, y - y0
    top = grid[y0, x0] * (1 - fx) + grid[y0, x0 + 1] * fx
    low = grid[y0 + 1, x0] * (1 - fx) + grid[y0 + 1, x0 + 1] * fx
    return float(top * (1 - fy) + low * fy)


def _points_along(
    field_x: Float32, field_y: Float32, a: Candidate, b: Candidate, threshold: float
) -> bool:
    """Whether the PAF agrees with a pair at both ends and in the cell halfway."""
    dx, dy = b.x - a.x, b.y - a.y
    length = math.hypot(dx, dy)
    least = 0.4 * threshold
    for end in (a, b):
        paf = np.array([bilinear(field_x, end.x, end.y), bilinear(field_y, end.x, end.y)])
        along = float(paf @ [dx, dy]) / length
        if along <= max(least, 0.25 * float(np.hypot(*paf))):
            return False
    column, row = int(a.x + dx / 2 + 0.5), int(a.y + dy / 2 + 0.5)
    return bool((field_x[row, column] * dx + field_y[row, column] * dy) / length > least)


def pair_score(
    field_x: Float32,
    field_y: Float32,
    a: Candidate,
    b: Candidate,
    threshold: float,
    min_fraction: float,
    samples: int,
) -> float:
    """Mean PAF along a pair over the samples above the threshold; 0 when not accepted."""
    dx, dy = b.x - a.x, b.y - a.y
    length = math.hypot(dx, dy)
    if length == 0 or not _points_along(field_x, field_y, a, b, threshold):
        return 0.0
    along = []
    for t in np.linspace(0, 1, samples):
        x, y = a.x + t * dx, a.y + t * dy
        along.append((bilinear(field_x, x, y) * dx + bilinear(field_y, x, y) * dy) / length)
    above = [value for value in along if value > threshold]
    if not above or len(above) < min_fraction * samples - 1e-6:
        return 0.0
    return sum(above) / len(above)


def connect(
    field_x: Float32,
    field_y: Float32,
    starts: list[Candidate],
    ends: list[Candidate],
    threshold: float = 0.05,
    min_fraction: float = 0.8,
    samples: int = 10,
) -> list[Connection]:
    """Connections of one limb: the best pair first, each candidate once."""
    scored = [
        Connection(i, j, pair_score(field_x, field_y, a, b, threshold, min_fraction, samples))
        for (i, a), (j, b) in product(enumerate(starts), enumerate(ends))
    ]
    matched: list[Connection] = []
    for pair in sorted(scored, key=lambda pair: -pair.score):
        if pair.score > 0 and all(pair.a != m.a and pair.b != m.b for m in matched):
            matched.append(pair)
    return matched


def assemble(
    limbs: tuple[tuple[int, int], ...], connections: list[list[Connection]]
) -> list[dict[int, int]]:
    """People as the candidate of each part, before fragments are joined or anyone is dropped."""
    people: list[dict[int, int]] = []
    for (a, b), of_limb in zip(limbs, connections, strict=True):
        for i, j, _ in of_limb:
            holders = [p for p in people if p.get(a) == i or p.get(b) == j]
            if not holders:
                people.append({a: i, b: j})
            elif len(holders) == 1:
                if holders[0].get(a, i) == i and holders[0].get(b, j) == j:
                    holders[0].update({a: i, b: j})
            elif not holders[0].keys() & holders[1].keys():
                holders[0].update(holders[1])
                people = [p for p in people if p is not holders[1]]
    return people
