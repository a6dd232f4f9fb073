"""Seeded crowds: people with random poses, and the fields a perfectly trained network would give.

For timing and testing the decoder where no network and no photograph is at hand.

Fields follow the usual training targets (REFERENCE of OpenPose: Gaussians of sigma 7 net px cut at
1 %, the highest where people overlap; PAFs one cell wide on either side of a limb, averaged where
limbs overlap), then noise is laid over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from openpaf.fields import Fields
from openpaf.skeleton import COCO_18, Skeleton

Float32 = NDArray[np.float32]
Noise = Literal["clean", "smooth", "white"]

STRIDE = 8
_SIGMA = 7.0
_CUT = 0.01
_LIMB_HALF_WIDTH = 1.0
# Parts that swing: part, parent, length in body heights, rest angle and swing in degrees from down.
_CHAINS = (
    ("elbow", "shoulder", 0.17, 10, 60),
    ("wrist", "elbow", 0.15, 10, 70),
    ("knee", "hip", 0.24, 4, 25),
    ("ankle", "knee", 0.23, 0, 25),
)
# Where the rest sits in an upright body of height 1, feet at 0, y upwards, right side; x outwards.
_MIDDLE = {"head_top": 1.0, "nose": 0.92, "neck": 0.82, "chest": 0.68, "mid_hip": 0.5}
_SIDES = {
    "eye": (0.02, 0.94), "ear": (0.045, 0.925), "shoulder": (0.11, 0.82), "hip": (0.07, 0.5),
}  # fmt: skip
_FEET = {"big_toe": (0.02, -0.03), "small_toe": (0.05, -0.025), "heel": (-0.01, -0.02)}


@dataclass(frozen=True)
class Crowd:
    """Fields and the people they show: keypoints (N, K, 2) in net px, NaN where hidden."""

    fields: Fields
    keypoints: Float32


def _body(rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """One pose, every part by name, in body heights with y downwards, mid-hip at 0."""
    parts = {name: np.array([0.0, 0.5 - height]) for name, height in _MIDDLE.items()}
    turn = rng.uniform(0.35, 1.0)
    for side, sign in (("right_", -1.0), ("left_", 1.0)):
        for name, (out, height) in _SIDES.items():
            parts[side + name] = np.array([sign * out * turn, 0.5 - height])
        for name, parent, length, rest, swing in _CHAINS:
            angle = np.deg2rad(rest * sign + rng.normal(0, swing / 2))
            step = length * np.array([np.sin(angle), np.cos(angle)])
            parts[side + name] = parts[side + parent] + step
        for name, (out, down) in _FEET.items():
            parts[side + name] = parts[side + "ankle"] + np.array([sign * out, -down])
    lean = np.deg2rad(rng.normal(0, 8))
    rotation = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    return {name: rotation @ place for name, place in parts.items()}


def _thing(rng: np.random.Generator, skeleton: Skeleton) -> dict[str, NDArray[np.float64]]:
    """One of what nothing is known of: its parts about a circle, in heights, its middle at 0."""
    turns = np.linspace(0, 2 * np.pi, len(skeleton.parts), endpoint=False)
    radii = rng.uniform(0.3, 0.5, len(turns))
    places = radii * np.stack([np.sin(turns), np.cos(turns)])
    return dict(zip(skeleton.parts, places.T, strict=True))


def _people(
    count: int,
    rng: np.random.Generator,
    skeleton: Skeleton,
    size: tuple[int, int],
    heights: tuple[float, float],
    occlusion: float,
) -> Float32:
    width, height = size
    keypoints = np.empty((count, len(skeleton.parts), 2), np.float32)
    for person in range(count):
        body = _body(rng)
        if not body.keys() >= set(skeleton.parts):
            body = _thing(rng, skeleton)
        tall = float(np.exp(rng.uniform(*np.log(heights))))
        centre = np.array([rng.uniform(0, width), rng.uniform(0.3 * tall, height - 0.3 * tall)])
        keypoints[person] = [centre + tall * body[part] for part in skeleton.parts]
    outside = ((keypoints < 0) | (keypoints > np.array([width - 1, height - 1]))).any(axis=2)
    keypoints[outside | (rng.random(keypoints.shape[:2]) < occlusion)] = np.nan
    return keypoints


def _cells(centre: float, radius: float, limit: int) -> NDArray[np.int64]:
    first, last = int(np.floor(centre - radius)), int(np.ceil(centre + radius))
    return np.arange(max(first, 0), min(last + 1, limit))


def _draw_peak(grid: Float32, x: float, y: float, sigma: float) -> None:
    reach = sigma * np.sqrt(-2 * np.log(_CUT))
    us, vs = _cells(x, reach, grid.shape[1]), _cells(y, reach, grid.shape[0])
    squared = (us[None] - x) ** 2 + (vs[:, None] - y) ** 2
    values = np.exp(-squared / (2 * sigma**2))
    window = grid[vs[0] : vs[-1] + 1, us[0] : us[-1] + 1]
    np.maximum(window, np.where(values >= _CUT, values, 0), out=window)


def _draw_limb(field: Float32, hits: Float32, a: Float32, b: Float32) -> None:
    along = b - a
    length = float(np.hypot(*along))
    if length < 1e-6:
        return
    unit = along / length
    middle = (a + b) / 2
    reach = np.abs(along) / 2 + _LIMB_HALF_WIDTH
    us = _cells(middle[0], reach[0], field.shape[2])
    vs = _cells(middle[1], reach[1], field.shape[1])
    if not (us.size and vs.size):
        return
    from_a = np.stack(np.meshgrid(us - a[0], vs - a[1]))
    lengthwise = unit[0] * from_a[0] + unit[1] * from_a[1]
    across = np.abs(unit[0] * from_a[1] - unit[1] * from_a[0])
    inside = (
        (lengthwise >= -_LIMB_HALF_WIDTH)
        & (lengthwise <= length + _LIMB_HALF_WIDTH)
        & (across <= _LIMB_HALF_WIDTH)
    )
    window = np.s_[vs[0] : vs[-1] + 1, us[0] : us[-1] + 1]
    hits[window] += inside
    field[0][window] += unit[0] * inside
    field[1][window] += unit[1] * inside


def _noise(
    shape: tuple[int, ...], kind: Noise, strength: float, rng: np.random.Generator
) -> Float32:
    if kind == "clean":
        return np.zeros(shape, np.float32)
    noise = rng.standard_normal(shape, np.float32)
    if kind == "smooth":
        noise = gaussian_filter(noise, (0, 1, 1))
        noise /= noise.std()
    return noise * np.float32(strength)


def draw_fields(
    keypoints: Float32, skeleton: Skeleton, grid: tuple[int, int], stride: int = STRIDE
) -> Fields:
    """Training targets of people whose keypoints (N, K, 2) are in net px; grid is (w, h) cells."""
    w, h = grid
    cells = (keypoints - (stride - 1) / 2) / stride
    maps = np.zeros((len(skeleton.parts), h, w), np.float32)
    pafs = np.zeros((2 * len(skeleton.limbs), h, w), np.float32)
    hits = np.zeros((len(skeleton.limbs), h, w), np.float32)
    for person in cells:
        for k, (x, y) in enumerate(person):
            if np.isfinite(x):
                _draw_peak(maps[k], x, y, _SIGMA / stride)
        for limb, (a, b) in enumerate(skeleton.limbs):
            if np.isfinite(person[[a, b]]).all():
                _draw_limb(pafs[2 * limb : 2 * limb + 2], hits[limb], person[a], person[b])
    pafs /= np.maximum(hits, 1).repeat(2, axis=0)
    return Fields(maps, pafs, stride=stride, skeleton=skeleton)


def make_crowd(
    people: int,
    seed: int,
    *,
    skeleton: Skeleton = COCO_18,
    grid: tuple[int, int] | None = None,
    stride: int = STRIDE,
    heights: tuple[float, float] = (60.0, 180.0),
    occlusion: float = 0.1,
    noise: Noise = "smooth",
    noise_strength: float = 0.02,
) -> Crowd:
    """Draw a crowd.

    Parameters
    ----------
    people, seed : int
    skeleton : Skeleton
    grid : (w, h) or None
        Cells; by default 82 x 46 (a 656 x 368 net input), and twice that a side from 50 people.
    stride : int
        Net px a cell.
    heights : (float, float)
        Shortest and tallest person, net px.
    occlusion : float
        Share of parts that are hidden, besides those outside the picture.
    noise : {"clean", "smooth", "white"}
    noise_strength : float
        Standard deviation.
    """
    rng = np.random.default_rng([seed, people])
    w, h = grid or ((82, 46) if people < 50 else (164, 92))
    size = (w * stride, h * stride)
    keypoints = _people(people, rng, skeleton, size, heights, occlusion)
    clean = draw_fields(keypoints, skeleton, (w, h), stride)
    fields = Fields(
        clean.confidence_maps + _noise(clean.confidence_maps.shape, noise, noise_strength, rng),
        clean.pafs + _noise(clean.pafs.shape, noise, noise_strength, rng),
        stride=stride,
        skeleton=skeleton,
    )
    return Crowd(fields, keypoints)
