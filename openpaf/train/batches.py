"""Batches of crops, prepared a few ahead of the network by a background thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from openpaf.train.crop import Crop, Cropper
from openpaf.train.targets import Labels

_AHEAD = 3
T = TypeVar("T")


@dataclass
class Batch:
    """`frames` (B, S, S, 3) uint8 BGR and their labels."""

    frames: NDArray[np.uint8]
    labels: Labels


def crop_batches(cropper: Cropper, first: int, last: int, size: int) -> Iterator[Batch]:
    """Yield batches `first` to `last - 1` of `size` crops each."""
    return ahead(lambda step: _batch(cropper, step, size), first, last)


def ahead(make: Callable[[int], T], first: int, last: int) -> Iterator[T]:
    """Yield `make(first)` to `make(last - 1)`, made a few ahead of their use."""
    with ThreadPoolExecutor(1, "crops") as pool:
        waiting: deque[Future[T]] = deque()
        for step in range(first, last):
            waiting.append(pool.submit(make, step))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _batch(cropper: Cropper, step: int, size: int) -> Batch:
    crops = [cropper.crop(step * size + i) for i in range(size)]
    return Batch(np.stack([crop.frame for crop in crops]), _pad(crops))


def _pad(crops: list[Crop]) -> Labels:
    parts = crops[0].points.shape[1]
    people = max(1, *(len(crop.points) for crop in crops))
    ignored = max(1, *(len(crop.ignored) for crop in crops))
    labels = Labels(
        torch.zeros(len(crops), people, parts, 3),
        torch.full((len(crops), people, 4), -1.0),
        torch.zeros(len(crops), people, parts, dtype=torch.bool),
        torch.full((len(crops), ignored, 4), -1.0),
    )
    labels.boxes[..., :2] = labels.ignored[..., :2] = 0
    for i, crop in enumerate(crops):
        count = len(crop.points)
        labels.points[i, :count] = torch.from_numpy(crop.points)
        labels.boxes[i, :count] = torch.from_numpy(crop.boxes)
        labels.known[i, :count] = torch.from_numpy(crop.known)
        labels.ignored[i, : len(crop.ignored)] = torch.from_numpy(crop.ignored)
    return labels
