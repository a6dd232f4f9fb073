"""Batches of crops or windows, prepared a few ahead of the network.

A thread keeps up with a network that learns on the processor; a GPU wants processes.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from openpaf.train.crop import Crop, Cropper
from openpaf.train.targets import Labels

_AHEAD = 3
T = TypeVar("T")


@dataclass
class Batch:
    """`frames` (B, S, S, 3) uint8 BGR and their labels."""

    frames: Tensor
    labels: Labels


def ahead(make: Callable[[int], T], first: int, last: int, workers: int) -> Iterator[T]:
    """Yield `make(first)` to `make(last - 1)` in order, made a few ahead of their use.

    Parameters
    ----------
    make : callable
        Gives tensors, which processes hand over without copying them.
    first, last : int
    workers : int
        Processes; 0 for a thread of this one.
    """
    if workers and last > first:
        yield from _by_processes(make, first, last, workers)
        return
    with ThreadPoolExecutor(1, "crops") as pool:
        waiting: deque[Future[T]] = deque()
        for step in range(first, last):
            waiting.append(pool.submit(make, step))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Steps(Dataset[T]):
    def __init__(self, make: Callable[[int], T], first: int, last: int) -> None:
        self.make, self.steps = make, range(first, last)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, place: int) -> T:
        return self.make(self.steps[place])


def _by_processes(make: Callable[[int], T], first: int, last: int, workers: int) -> Iterator[T]:
    # A fork shares the pictures, which may be a gigabyte; elsewhere each process gets a copy.
    fork = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
    yield from DataLoader(
        _Steps(make, first, last),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_AHEAD,
        worker_init_fn=_one_core,
        multiprocessing_context=fork,
    )


def _one_core(_worker: int) -> None:
    # Ctrl-C is the trainer's to answer: it saves first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def crop_batch(cropper: Cropper, step: int, size: int) -> Batch:
    """The crops of a step, `size` of them."""
    crops = [cropper.crop(step * size + i) for i in range(size)]
    return Batch(torch.stack([torch.from_numpy(crop.frame) for crop in crops]), _pad(crops))


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
