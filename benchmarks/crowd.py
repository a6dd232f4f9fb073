"""Walking people with known identities, seen by a camera: joints, occlusion, detector errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.poses import Poses
from openpaf.skeleton import COCO_18

FRAME_SIZE = (1280, 720)
FOCAL, CAMERA_HEIGHT = 1000.0, 1.6

_SWAPPED = {
    "arms": [2, 3, 4, 5, 6, 7],
    "legs": [8, 9, 10, 11, 12, 13],
}


@dataclass(frozen=True)
class Scene:
    """What happens in front of the camera."""

    name: str
    people: int
    seconds: float = 30.0
    frame_rate: float = 25.0
    depths: tuple[float, float] = (4.0, 10.0)
    pillars: tuple[float, ...] = ()
    """Frame x of 120 px wide pillars that hide whoever is behind them."""
    leaving: bool = False
    """People walk out of the frame, turn and come back within about a second and a half."""
    noise: float = 0.012
    """Standard deviation of a keypoint, in body scales."""
    part_missing: float = 0.05
    person_missing: float = 0.02
    false_person: float = 0.05
    swapped: float = 0.01
    """Chance a frame that a person's left and right arms or legs are exchanged for 1-4 frames."""


@dataclass(frozen=True)
class Moment:
    """One frame: who is really there, and what a detector would say."""

    time: float
    ids: NDArray[np.int64]
    truth: NDArray[np.float32]
    """(N, 18, 2) px, NaN where hidden, of people with at least four parts in sight."""
    detected: Poses


SCENES = (
    Scene("cross", 8),
    Scene("occlude", 6, pillars=(300.0, 640.0, 980.0)),
    Scene("leave and return", 5, leaving=True),
    Scene("crowd", 20, depths=(5.0, 14.0)),
)


def play(scene: Scene, seed: int = 0) -> Iterator[Moment]:
    """Give the frames of a scene, the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    walkers = _Walkers(scene, rng)
    swaps = np.zeros((scene.people, len(_SWAPPED)), int)
    for index in range(round(scene.seconds * scene.frame_rate)):
        if index:
            walkers.step(1 / scene.frame_rate)
        joints, depths = walkers.joints()
        visible = _visible(scene, joints, depths, rng)
        truth = np.where(visible[..., None], joints, np.nan).astype(np.float32)
        there = np.flatnonzero(visible.sum(1) >= 4)
        swaps = np.maximum(swaps - 1, 0)
        begins = rng.random(swaps.shape) < scene.swapped
        swaps[begins] = rng.integers(1, 5, begins.sum())
        detected = _detect(scene, truth[there], swaps[there] > 0, rng)
        yield Moment(index / scene.frame_rate, there, truth[there], detected)


class _Walkers:
    """Positions on the ground, headings and step phases of everyone, in metres and radians."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene, self.rng = scene, rng
        count = scene.people
        self.z = rng.uniform(*scene.depths, count)
        self.x = rng.uniform(-1, 1, count) * self._half_width()
        self.side = np.where(rng.random(count) < 0.5, -1.0, 1.0)
        self.speed = rng.uniform(0.8, 1.6, count)
        self.height = rng.uniform(0.92, 1.08, count)
        self.heading = np.where(self.side > 0, 0.0, np.pi)
        self.phase = rng.uniform(0, 2 * np.pi, count)
        self.dz = np.zeros(count)

    def _half_width(self) -> NDArray[np.float64]:
        return self.z * (FRAME_SIZE[0] / 2) / FOCAL

    def step(self, seconds: float) -> None:
        reach = self._half_width() + (0.9 if self.scene.leaving else -0.3)
        turning = self.x * self.side > reach
        self.side[turning] *= -1
        wander = 0.0 if self.scene.leaving else 1.0
        self.dz += wander * self.rng.normal(0, 0.8, len(self.dz)) * np.sqrt(seconds)
        self.dz *= 1 - 0.5 * seconds
        near, far = self.scene.depths
        self.dz = np.where(self.z < near, abs(self.dz), np.where(self.z > far, -abs(self.dz), self.dz))
        aim = np.arctan2(self.dz, self.side * self.speed)
        turn = np.angle(np.exp(1j * (aim - self.heading)))
        self.heading += np.clip(turn, -4 * seconds, 4 * seconds)
        self.x += np.cos(self.heading) * self.speed * seconds
        self.z += np.sin(self.heading) * self.speed * seconds
        self.phase += 2 * np.pi * 0.9 * self.speed * seconds

    def joints(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N, 18, 2) frame px and (N,) depths."""
        forward, left, up = _body(self.phase)
        cos, sin = np.cos(self.heading)[:, None], np.sin(self.heading)[:, None]
        size = self.height[:, None]
        # Heading 0 is to the camera's right; left of that is away from the camera.
        x = self.x[:, None] + size * (forward * cos - left * sin)
        z = self.z[:, None] + size * (forward * sin + left * cos)
        u = FRAME_SIZE[0] / 2 + FOCAL * x / z
        v = FRAME_SIZE[1] / 2 - FOCAL * (size * up - CAMERA_HEIGHT) / z - 80
        return np.stack([u, v], axis=2), self.z.copy()


def _body(phase: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """COCO_18 joints of walkers of 1.7 m, (N, 18) each: forward, left and up in metres."""
    count = len(phase)
    out = np.zeros((3, count, 18))
    forward, left, up = out

    def put(part: int, f: object, s: float, u: object) -> None:
        forward[:, part], left[:, part], up[:, part] = f, s, u

    put(0, 0.10, 0.0, 1.56)
    put(1, 0.0, 0.0, 1.42)
    for side, eye, ear, shoulder, hip in ((-1, 14, 16, 2, 8), (1, 15, 17, 5, 11)):
        put(eye, 0.08, side * 0.03, 1.60)
        put(ear, 0.0, side * 0.075, 1.58)
        put(shoulder, 0.0, side * 0.18, 1.40)
        put(hip, 0.0, side * 0.11, 0.92)
        swing = np.sin(phase) * side
        arm, leg = -0.5 * swing, 0.45 * swing
        bend = 0.5 * np.maximum(0, np.cos(phase) * side)
        put(shoulder + 1, 0.28 * np.sin(arm), side * 0.20, 1.40 - 0.28 * np.cos(arm))
        put(
            shoulder + 2,
            forward[:, shoulder + 1] + 0.26 * np.sin(arm + 0.4),
            side * 0.20,
            up[:, shoulder + 1] - 0.26 * np.cos(arm + 0.4),
        )
        put(hip + 1, 0.43 * np.sin(leg), side * 0.11, 0.92 - 0.43 * np.cos(leg))
        put(
            hip + 2,
            forward[:, hip + 1] + 0.42 * np.sin(leg - bend),
            side * 0.11,
            up[:, hip + 1] - 0.42 * np.cos(leg - bend),
        )
    return forward, left, up


def _visible(
    scene: Scene,
    joints: NDArray[np.float64],
    depths: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    x, y = joints[..., 0], joints[..., 1]
    visible = (x >= 0) & (x < FRAME_SIZE[0]) & (y >= 0) & (y < FRAME_SIZE[1])
    for pillar in scene.pillars:
        visible &= abs(x - pillar) > 60
    for person, depth in enumerate(depths):
        for other in np.flatnonzero(depths < depth - 0.2):
            half = 0.2 * FOCAL / depths[other]
            centre = x[other, [1, 8, 11]].mean()
            covered = (abs(x[person] - centre) < half) & (y[person] > y[other].min() - half / 2)
            visible[person] &= ~covered
    return visible


def _detect(
    scene: Scene,
    truth: NDArray[np.float32],
    swapped: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Poses:
    """What a bottom-up detector would make of the truth, in no particular order."""
    keypoints = truth.copy()
    spans = np.nan_to_num(np.nanmax(truth, 1) - np.nanmin(truth, 1)) if len(truth) else truth[:, 0]
    scale = 0.5 * np.hypot(spans[:, 0], spans[:, 1])
    keypoints += rng.normal(0, 1, keypoints.shape) * (scene.noise * scale)[:, None, None]
    for group, parts in enumerate(_SWAPPED.values()):
        half = len(parts) // 2
        rows = np.flatnonzero(swapped[:, group])[:, None]
        keypoints[rows, parts] = keypoints[rows, parts[half:] + parts[:half]]
    keypoints[rng.random(keypoints.shape[:2]) < scene.part_missing] = np.nan
    keypoints = keypoints[rng.random(len(keypoints)) >= scene.person_missing]
    if rng.random() < scene.false_person:
        false = np.full((1, 18, 2), np.nan, np.float32)
        false[0, [1, 2, 3, 5, 8]] = rng.uniform((0, 0), FRAME_SIZE) + rng.normal(0, 60, (5, 2))
        keypoints = np.concatenate([keypoints, false])
    keypoints = keypoints[np.isfinite(keypoints[..., 0]).sum(1) >= 3]
    keypoints = keypoints[rng.permutation(len(keypoints))]
    found = np.isfinite(keypoints[..., 0])
    scores = np.where(found, 0.8, 0)
    return Poses(keypoints, scores, found.mean(1), COCO_18, frame_size=FRAME_SIZE)
