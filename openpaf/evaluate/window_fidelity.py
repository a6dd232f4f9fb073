"""How much a copy of a window network differs from it: what both see of the same people."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.engine import Engine
from openpaf.frame import to_frame
from openpaf.poses import Poses
from openpaf.skeleton import FACE_70, HAND_21
from openpaf.topdown import WindowNetwork, Windows
from openpaf.topdown.part_windows import face_windows, hand_windows
from openpaf.topdown.refine import GROWTH, grown, largest
from openpaf.topdown.windows import cut

_MOST_A_FRAME = 4
_CLEAR = 0.2
_NEAR = 0.03
_WORST = 0.9
_BY_BODY = {HAND_21.parts: hand_windows, FACE_70.parts: face_windows}


@dataclass(frozen=True)
class WindowFidelity:
    """An original and its copy on the same windows.

    Attributes
    ----------
    windows, parts : int
        Windows compared, and parts that the original sees clearly in them.
    same : float
        Share of those that the copy puts within 3 % of the window's height.
    network_ms : (float, float)
        Median of a window, original and copy.
    """

    windows: int
    parts: int
    same: float
    network_ms: tuple[float, float]

    @property
    def fault(self) -> str | None:
        """What makes the copy unusable, or None."""
        if self.parts and self.same < _WORST:
            return f"only {self.same:.0%} of the parts stay where they were"
        return None


def people_windows(network: WindowNetwork, frames: Iterable[Any]) -> list[NDArray[np.uint8]]:
    """Windows (H, W, 3) about the largest people that the bundled default finds in frames.

    About their hands or faces, where the network looks at these. Of a frame in which it finds
    none, the window of the whole.
    """
    pixels: list[NDArray[np.uint8]] = []
    with Engine() as finder:
        for one in frames:
            frame = to_frame(one)
            poses = finder.detect(frame)
            windows = _windows(network, poses[largest(poses, _MOST_A_FRAME)])
            if not len(windows):
                whole = np.array([[0.0, 0.0, frame.shape[1] - 1.0, frame.shape[0] - 1.0]])
                windows = network.around(grown(whole, GROWTH))
            pixels += list(cut(frame, windows, network.card.size))
    return pixels


def _windows(network: WindowNetwork, poses: Poses) -> Windows:
    placed = _BY_BODY.get(network.skeleton.parts)
    if placed is None:
        return network.around(grown(poses.boxes.astype(np.float64), GROWTH))
    return placed(poses.keypoints, poses.scores, poses.skeleton)[0]


def compare_window_networks(
    before: WindowNetwork, after: WindowNetwork, windows: Sequence[NDArray[np.uint8]]
) -> WindowFidelity:
    """Run both on the same windows, one at a time, taking turns."""
    size = before.card.size
    whole = Windows.around(np.array([[0, 0, size[0] - 1, size[1] - 1]]), size)
    same, times = list[bool](), (list[float](), list[float]())
    for pixels in windows:
        seen = []
        for network, spent in zip((before, after), times, strict=True):
            started = time.perf_counter()
            seen.append(network.look(pixels, whole))
            spent.append(1000 * (time.perf_counter() - started))
        (places, scores), (others, _) = seen
        apart = np.linalg.norm(places - others, axis=2) / size[1]
        same += (apart[scores >= _CLEAR] <= _NEAR).tolist()
    share = float(np.mean(same)) if same else 1.0
    ms = tuple(float(np.median(spent)) for spent in times)
    return WindowFidelity(len(windows), len(same), share, (ms[0], ms[1]))
