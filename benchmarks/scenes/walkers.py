"""Walking people with known identities, seen by a camera: joints, occlusion, detector errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.poses import Poses
from openpaf.skeleton import COCO_18

FRAME_SIZE = (1280, 720)
_FOCAL, _CAMERA_HEIGHT, _HORIZON = 1000.0, 1.6, 280
# Right then left parts of what a network mistakes for one another.
_SWAPPED = ([2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13])


@dataclass(frozen=True)
class Scene:
    """What happens in front of the camera, and how well a detector sees it."""

    name: str
    people: int
    seconds: float = 30.0
    frame_rate: float = 25.0
    depths: tuple[float, float] = (4.0, 10.0)
    pillars: tuple[float, ...] = ()
    """Frame x of 120 px wide pillars that hide whoever is behind them."""
    leaving: bool = False
    """People walk out of the frame, turn, and come back after one or two seconds."""
    strangers: bool = False
    """Whoever has walked out of the frame is somebody else when they come back."""
    noise: float = 0.012
    """Standard deviation of a keypoint, in half body diagonals."""
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
    Scene("passers-by", 8, leaving=True, strangers=True, pillars=(640.0,)),
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
        joints = walkers.joints()
        visible = _visible(scene, joints, walkers.z)
        truth = np.where(visible[..., None], joints, np.nan).astype(np.float32)
        there = np.flatnonzero(visible.sum(1) >= 4)
        swaps = np.maximum(swaps - 1, 0)
        begins = rng.random(swaps.shape) < scene.swapped
        swaps[begins] = rng.integers(1, 5, begins.sum())
        detected = _detect(scene, truth[there], swaps[there] > 0, rng)
        yield Moment(index / scene.frame_rate, walkers.id[there], truth[there], detected)


class _Walkers:
    """Ground positions, headings and step phases of everyone, in metres and radians."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene, self.rng = scene, rng
        count = scene.people
        self.id = np.arange(count)
        self.z = rng.uniform(*scene.depths, count)
        self.x = rng.uniform(-1, 1, count) * self._half_width()
        self.side = np.where(rng.random(count) < 0.5, -1.0, 1.0)
        self.speed = rng.uniform(0.8, 1.6, count)
        self.height = rng.uniform(0.92, 1.08, count)
        self.heading = np.where(self.side > 0, 0.0, np.pi)
        self.phase = rng.uniform(0, 2 * np.pi, count)
        self.dz = np.zeros(count)

    def _half_width(self) -> NDArray[np.float64]:
        return self.z * (FRAME_SIZE[0] / 2) / _FOCAL

    def step(self, seconds: float) -> None:
        reach = self._half_width() + (0.9 if self.scene.leaving else -0.3)
        turning = self.x * self.side > reach
        self.side[turning] *= -1
        if self.scene.strangers and turning.any():
            self._replace(np.flatnonzero(turning))
        if not self.scene.leaving:
            self.dz += self.rng.normal(0, 0.8, len(self.dz)) * np.sqrt(seconds)
        self.dz *= 1 - 0.5 * seconds
        near, far = self.scene.depths
        self.dz = np.where(self.z < near, abs(self.dz), self.dz)
        self.dz = np.where(self.z > far, -abs(self.dz), self.dz)
        aim = np.arctan2(self.dz, self.side * self.speed)
        turn = np.angle(np.exp(1j * (aim - self.heading)))
        self.heading += np.clip(turn, -4 * seconds, 4 * seconds)
        self.x += np.cos(self.heading) * self.speed * seconds
        self.z += np.sin(self.heading) * self.speed * seconds
        self.phase += 2 * np.pi * 0.9 * self.speed * seconds

    def _replace(self, who: NDArray[np.intp]) -> None:
        """Let somebody else come in, at another distance from the camera."""
        self.id[who] = self.id.max() + 1 + np.arange(len(who))
        self.z[who] = self.rng.uniform(*self.scene.depths, len(who))
        self.x[who] = -self.side[who] * (self._half_width()[who] + self.rng.uniform(0.3, 0.9))
        self.speed[who] = self.rng.uniform(0.8, 1.6, len(who))
        self.height[who] = self.rng.uniform(0.92, 1.08, len(who))
        self.heading[who] = np.where(self.side[who] > 0, 0.0, np.pi)

    def joints(self) -> NDArray[np.float64]:
        """(N, 18, 2) frame px."""
        forward, left, up = _body(self.phase)
        cos, sin = np.cos(self.heading)[:, None], np.sin(self.heading)[:, None]
        size = self.height[:, None]
        # Heading 0 is to the camera's right; a walker's left is then away from the camera.
        x = self.x[:, None] + size * (forward * cos - left * sin)
        z = self.z[:, None] + size * (forward * sin + left * cos)
        u = FRAME_SIZE[0] / 2 + _FOCAL * x / z
        v = _HORIZON - _FOCAL * (size * up - _CAMERA_HEIGHT) / z
        return np.stack([u, v], axis=2)


def _body(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """COCO_18 joints of walkers of 1.7 m: (3, N, 18) metres forward, left and up."""
    body = np.zeros((3, len(phase), 18))
    body[:, :, 0] = [[0.10], [0.0], [1.56]]
    body[:, :, 1] = [[0.0], [0.0], [1.42]]
    for side, eye, ear, shoulder, hip in ((-1, 14, 16, 2, 8), (1, 15, 17, 5, 11)):
        body[:, :, eye] = [[0.08], [side * 0.03], [1.60]]
        body[:, :, ear] = [[0.0], [side * 0.075], [1.58]]
        body[:, :, shoulder] = [[0.0], [side * 0.18], [1.40]]
        body[:, :, hip] = [[0.0], [side * 0.11], [0.92]]
        arm, leg = -0.5 * side * np.sin(phase), 0.45 * side * np.sin(phase)
        bend = 0.5 * np.maximum(0, side * np.cos(phase))
        for part, length, angle in (
            (shoulder + 1, 0.28, arm),
            (shoulder + 2, 0.26, arm + 0.4),
            (hip + 1, 0.43, leg),
            (hip + 2, 0.42, leg - bend),
        ):
            swing = [length * np.sin(angle), 0 * angle, -length * np.cos(angle)]
            body[:, :, part] = body[:, :, part - 1] + swing
    return body


def _visible(
    scene: Scene, joints: NDArray[np.float64], depths: NDArray[np.float64]
) -> NDArray[np.bool_]:
    x, y = joints[..., 0], joints[..., 1]
    visible = (x >= 0) & (x < FRAME_SIZE[0]) & (y >= 0) & (y < FRAME_SIZE[1])
    for pillar in scene.pillars:
        visible &= abs(x - pillar) > 60
    for person, depth in enumerate(depths):
        for other in np.flatnonzero(depths < depth - 0.2):
            half = 0.2 * _FOCAL / depths[other]
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
    spans = np.fmax.reduce(truth, 1) - np.fmin.reduce(truth, 1)
    scale = 0.5 * np.hypot(spans[:, 0], spans[:, 1])
    keypoints += rng.normal(0, 1, keypoints.shape) * (scene.noise * scale)[:, None, None]
    for group, parts in enumerate(_SWAPPED):
        rows = np.flatnonzero(swapped[:, group])[:, None]
        keypoints[rows, parts] = keypoints[rows, parts[3:] + parts[:3]]
    keypoints[rng.random(keypoints.shape[:2]) < scene.part_missing] = np.nan
    keypoints = keypoints[rng.random(len(keypoints)) >= scene.person_missing]
    if rng.random() < scene.false_person:
        false = np.full((1, 18, 2), np.nan, np.float32)
        false[0, [1, 2, 3, 5, 8]] = rng.uniform((0, 0), FRAME_SIZE) + rng.normal(0, 60, (5, 2))
        keypoints = np.concatenate([keypoints, false])
    keypoints = keypoints[np.isfinite(keypoints[..., 0]).sum(1) >= 3]
    keypoints = keypoints[rng.permutation(len(keypoints))]
    found = np.isfinite(keypoints[..., 0])
    return Poses(keypoints, 0.8 * found, found.mean(1), COCO_18, frame_size=FRAME_SIZE)
