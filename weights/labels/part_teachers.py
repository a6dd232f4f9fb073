"""What MediaPipe's networks of hands and faces see in windows of a photograph.

Both look again where they saw something: in a window laid by the points of the first look, as
MediaPipe follows a hand or a face through a video. The surest look counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from openpaf.topdown.windows import Windows, cut

Floats = NDArray[np.float64]

_SURE, _LOOK_CLOSER = 0.5, 0.03


class Teacher:
    """One of the networks.

    Parameters
    ----------
    path : Path
        Its ONNX file, as `mediapipe.py` makes it.
    """

    side = 0
    # Turned, radians, and shrunk: how else windows are looked at that seem to hold nothing.
    others: tuple[tuple[float, float], ...] = ()

    def __init__(self, path: Path) -> None:
        core = openvino.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"})
        self._network = core.compile_model(str(path), "CPU")

    def look(self, frame: NDArray[np.uint8], windows: Windows) -> tuple[Floats, Floats]:
        """Presence (N,), 0 to 1, and places (N, K, 2), frame px, of what is in N > 0 windows."""
        seen = self._once(frame, windows)
        for angle, scale in self.others:
            unsure = np.flatnonzero(seen[0] < _SURE)
            self._better(frame, seen, unsure, _changed(windows[unsure], angle, scale))
        worth = np.flatnonzero(seen[0] > _LOOK_CLOSER)
        self._better(frame, seen, worth, self._follow(seen[1][worth], windows[worth]))
        return seen[0], self._named(seen[1])

    def _better(
        self,
        frame: NDArray[np.uint8],
        seen: tuple[Floats, Floats],
        rows: NDArray[np.intp],
        windows: Windows,
    ) -> None:
        """Put another look in the place of those that were less sure."""
        if len(rows):
            presence, points = self._once(frame, windows)
            surer = presence > seen[0][rows]
            seen[0][rows[surer]], seen[1][rows[surer]] = presence[surer], points[surer]

    def _once(self, frame: NDArray[np.uint8], windows: Windows) -> tuple[Floats, Floats]:
        size = (self.side, self.side)
        pixels = cut(frame, windows, size)[..., ::-1].astype(np.float32) / 255
        answers = [self._read(self._network(pixel[None])) for pixel in pixels]
        presence = np.array([found for found, _ in answers])
        points = np.array([points for _, points in answers])
        return presence, windows.to_frame(points, size)

    def _read(self, answer: Any) -> tuple[float, Floats]:
        """Presence, and (K, 2) window px."""
        raise NotImplementedError

    def _follow(self, points: Floats, windows: Windows) -> Windows:
        """Windows about what the looks before saw."""
        raise NotImplementedError

    def _named(self, points: Floats) -> Floats:
        """The points that are taught."""
        return points


class HandTeacher(Teacher):
    """HAND_21 of right hands, or of left ones in mirrored windows."""

    side = 224
    others = ((0.0, 0.75), (0.8, 1.0), (-0.8, 1.0))

    def _read(self, answer: Any) -> tuple[float, Floats]:
        points = np.asarray(answer[0], np.float64).reshape(21, 3)[:, :2]
        return float(answer[1].item()), points

    def _follow(self, points: Floats, windows: Windows) -> Windows:
        up = (points[:, 5] + points[:, 13]) / 4 + points[:, 9] / 2 - points[:, 0]
        palm = points[:, [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]]
        return _about(palm, up, windows.mirrored, scale=2.0, shift=-0.1)


# Of the mesh's 468 points those of FACE_70, of several published choices the one nearest to a
# network of iBUG's own 68 points. The pupils are the middles of the network's irises.
_FACE = (
    127, 234, 93, 132, 172, 136, 150, 176, 152, 400, 379, 365, 397, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip

# The network looks closer at lips and eyes; these are the mesh's points of its 80 and 2 x 71.
_LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
_RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
_LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)


class FaceTeacher(Teacher):
    """FACE_70."""

    side = 192

    def _read(self, answer: Any) -> tuple[float, Floats]:
        flag, mesh, lips, right_eye, left_eye, right_iris, left_iris = (
            np.asarray(answer[place], np.float64).ravel() for place in range(7)
        )
        points = np.empty((470, 2))
        points[:468] = mesh.reshape(468, 3)[:, :2]
        for places, closer in ((_LIPS, lips), (_RIGHT_EYE, right_eye), (_LEFT_EYE, left_eye)):
            points[list(places)] = closer.reshape(-1, 2)[: len(places)]
        points[468:] = right_iris[:2], left_iris[:2]
        return float(1 / (1 + np.exp(-flag[0]))), points

    def _follow(self, points: Floats, windows: Windows) -> Windows:
        eyes = points[:, 263] - points[:, 33]
        up = np.stack([eyes[:, 1], -eyes[:, 0]], axis=1)
        return _about(points[:, :468], up, windows.mirrored, scale=1.5, shift=0.0)

    def _named(self, points: Floats) -> Floats:
        return points[:, [*_FACE, 468, 469]]


def _changed(windows: Windows, angle: float, scale: float) -> Windows:
    turn = np.where(windows.mirrored, -angle, angle)
    return Windows(windows.centres, windows.sides * scale, windows.angles + turn, windows.mirrored)


def _about(
    points: Floats, up: Floats, mirrored: NDArray[np.bool_], *, scale: float, shift: float
) -> Windows:
    """Square windows about (N, K, 2) points, turned so that `up` (N, 2) is up.

    `shift` moves them down by this share of the points' height.
    """
    angles = np.arctan2(up[:, 0], -up[:, 1])
    cos, sin = np.cos(angles), np.sin(angles)
    turn = np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)
    upright = np.einsum("nij,nkj->nki", turn, points)
    low, high = upright.min(axis=1), upright.max(axis=1)
    middle = (low + high) / 2
    middle[:, 1] += shift * (high - low)[:, 1]
    sides = np.clip(scale * (high - low).max(axis=1), 1, None)
    centres = np.einsum("nji,nj->ni", turn, middle)
    return Windows.squares(centres, sides, angles, mirrored.copy())
