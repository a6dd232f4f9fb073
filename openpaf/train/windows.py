"""Training windows: a person in the middle, more or less; neighbours, cut and turned bodies.

Every window is a pure function of the recipe's seed and the window's number, so a resumed run sees
the windows it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openpaf.skeleton import Skeleton
from openpaf.topdown.windows import Windows, cut
from openpaf.train.config import WindowTrainConfig
from openpaf.train.data import Picture
from openpaf.train.disturb import occlude, recolour

_CUT_PARTS = (3, 8)


@dataclass
class WindowBatch:
    """Windows (B, H, W, 3) uint8 BGR and where parts are in them.

    Attributes
    ----------
    points : (B, K, 2) float32
        Window px, outside the window too.
    known : (B, K) bool
        Parts that are labelled.
    """

    frames: Tensor
    points: Tensor
    known: Tensor


class WindowCutter:
    """Draws augmented windows from pictures.

    Parameters
    ----------
    pictures : list of Picture
    shares : (len(pictures),) float64
        Probability of each picture; its people share it.
    config : WindowTrainConfig
    skeleton : Skeleton
    """

    def __init__(
        self,
        pictures: list[Picture],
        shares: NDArray[np.float64],
        config: WindowTrainConfig,
        skeleton: Skeleton,
    ) -> None:
        self.pictures, self.config = pictures, config
        self.cumulative = np.cumsum(shares)
        self.flip, self.sides = list(skeleton.flip), bool(skeleton.pairs)

    def batch(self, step: int) -> WindowBatch:
        """The windows of a step."""
        size = self.config.batch
        windows = [self.window(step * size + i) for i in range(size)]
        frames, points, known = zip(*windows, strict=True)
        return WindowBatch(
            torch.from_numpy(np.stack(frames)),
            torch.from_numpy(np.stack(points)).float(),
            torch.from_numpy(np.stack(known)),
        )

    def window(
        self, number: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.bool_]]:
        """Pixels (H, W, 3), parts (K, 2) in window px and which of them are labelled (K,)."""
        rng = np.random.default_rng([self.config.seed, number])
        picture = self._draw(rng)
        person = int(rng.integers(len(picture.boxes)))
        labels = picture.keypoints[person]
        known = labels[:, 2] > 0
        if picture.windows is None:
            box = self._box(rng, picture.boxes[person], labels[known, :2])
            windows = self._around(rng, box)
        else:
            windows = self._like(rng, picture.windows[person : person + 1])
        size = self.config.network.size
        frame = cut(picture.decode(), windows, size)[0]
        points = windows.to_window(labels[None, :, :2], size)[0]
        if windows.mirrored[0]:
            points, known = points[self.flip], known[self.flip]
        if rng.random() < self.config.occlusion:
            occlude(rng, frame)
        return recolour(rng, frame), np.where(known[:, None], points, 0), known

    def _draw(self, rng: np.random.Generator) -> Picture:
        place = int(np.searchsorted(self.cumulative, rng.random() * self.cumulative[-1]))
        return self.pictures[min(place, len(self.pictures) - 1)]

    def _box(
        self, rng: np.random.Generator, box: NDArray[np.float32], parts: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """The person's box, or one about some parts near each other, as a first look finds them."""
        fewest, most = _CUT_PARTS
        if rng.random() >= self.config.cut_body or len(parts) <= fewest:
            return box.astype(np.float64)
        middle = parts[rng.integers(len(parts))]
        near = np.argsort(((parts - middle) ** 2).sum(axis=1))[: rng.integers(fewest, most + 1)]
        low, high = parts[near].min(axis=0), parts[near].max(axis=0)
        margin = 0.15 * (high - low).max() + 1
        return np.concatenate([low - margin, high + margin]).astype(np.float64)

    def _around(self, rng: np.random.Generator, box: NDArray[np.float64]) -> Windows:
        """A window about a box, turned, sometimes by quarters, and half of them mirrored."""
        config = self.config
        angle = self._turn(rng)
        if rng.random() < config.turned:
            angle += 90 * rng.integers(1, 4)
        windows = Windows.around(
            box[None],
            config.network.size,
            factor=config.box_factor * self._factor(rng),
            angles=np.radians(angle),
            mirrored=bool(rng.random() < 0.5),
        )
        return self._shifted(rng, windows)

    def _like(self, rng: np.random.Generator, labelled: Windows) -> Windows:
        """A window that comes with its label, a little turned, scaled and shifted.

        Mirrored at will only where parts have another side to be on: a hand has none.
        """
        other = bool(self.sides and rng.random() < 0.5)
        windows = Windows(
            labelled.centres.copy(),
            labelled.sides * self._factor(rng),
            labelled.angles + np.radians(self._turn(rng)),
            labelled.mirrored ^ other,
        )
        return self._shifted(rng, windows)

    def _turn(self, rng: np.random.Generator) -> float:
        most = self.config.rotation
        return float(np.clip(rng.normal(0, most / 2), -most, most))

    def _factor(self, rng: np.random.Generator) -> float:
        return float(np.exp(rng.uniform(*np.log(self.config.scale))))

    def _shifted(self, rng: np.random.Generator, windows: Windows) -> Windows:
        shift = self.config.shift
        windows.centres[:] += rng.uniform(-shift, shift, (1, 2)) * windows.sides
        return windows
