"""A walking person whose joint angles are known, and recordings of them with faults."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.motion import Motion, Record
from openpaf.poses import Poses
from openpaf.skeleton import BODY_25

RATE = 30.0
SIZE = (1280, 720)


def walk(
    frames: int, *, start: float = 200.0, pace: float = 60.0, size: float = 150.0
) -> NDArray[np.float64]:
    """(F, 25, 2) px of somebody who walks to the right, or the left with a pace below 0, px/s."""
    times = np.arange(frames) / RATE
    phase, facing = 2 * np.pi * times, np.sign(pace)
    body = np.zeros((frames, 25, 2))

    def below(at: NDArray[np.float64], length: float, degrees: object) -> NDArray[np.float64]:
        turn = np.radians(degrees) * np.ones(frames)  # type: ignore[call-overload]
        return at + size * length * np.stack([facing * np.sin(turn), np.cos(turn)], axis=1)

    def put(part: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
        body[:, BODY_25.index(part)] = at
        return at

    hips = put("mid_hip", np.stack([start + pace * times, np.full(frames, 350.0)], axis=1))
    neck = put("neck", below(hips, -0.5, 0))
    put("nose", neck + size * np.array([0.1 * facing, -0.2]))
    for side, shift, away in (("left", 0.0, 3.0), ("right", np.pi, -3.0)):
        put(f"{side}_eye", neck + size * np.array([0.07 * facing, -0.22]))
        put(f"{side}_ear", neck + size * np.array([0.0, -0.22]))
        shoulder = put(f"{side}_shoulder", neck + [away, 0])
        elbow = put(f"{side}_elbow", below(shoulder, 0.3, -25 * np.sin(phase + shift)))
        put(f"{side}_wrist", below(elbow, 0.27, 20 - 25 * np.sin(phase + shift)))
        thigh = 25 * np.sin(phase + shift)
        shank = thigh - knee_angle(frames, shift)
        knee = put(f"{side}_knee", below(put(f"{side}_hip", hips + [away, 0]), 0.43, thigh))
        ankle = put(f"{side}_ankle", below(knee, 0.43, shank))
        put(f"{side}_heel", below(ankle, 0.07, shank - 45))
        toe = put(f"{side}_big_toe", below(ankle, 0.18, shank + 70))
        put(f"{side}_small_toe", toe - [3 * facing, 0])
    return body


def knee_angle(frames: int, shift: float = 0.0) -> NDArray[np.float64]:
    """Degrees of flexion of the left knee of `walk`; of the right one with a shift of pi."""
    return 30 + 25 * np.cos(2 * np.pi * np.arange(frames) / RATE + shift)


def record(frame: int, people: dict[int, NDArray[np.float64]], time: float | None = None) -> Record:
    """A frame of these people by id; NaN is not found."""
    keypoints = np.array(list(people.values()), np.float32).reshape(-1, 25, 2)
    scores = np.where(np.isfinite(keypoints[..., 0]), np.float32(0.8), np.float32(0))
    poses = Poses(keypoints, scores, scores.mean(1), BODY_25, np.array(list(people), int), SIZE)
    return Record(frame, frame / RATE if time is None else time, poses)


def motion_of(*bodies: NDArray[np.float64]) -> Motion:
    """A motion of bodies (F, 25, 2), with ids from 1."""
    return Motion.of(
        [
            record(frame, {n + 1: body[frame] for n, body in enumerate(bodies)})
            for frame in range(len(bodies[0]))
        ]
    )
