"""What is learnt: a task gives the trainer its network, its batches and the loss on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from openpaf.network.pafnet import PafNet
from openpaf.network.window import WindowNet
from openpaf.train.config import TrainConfig, WindowTrainConfig

Net = PafNet | WindowNet
"""A network that can be trained: `heads` are its linear layers."""


class Loss(NamedTuple):
    """What a step minimises, and the parts of it that are reported, by name."""

    total: Tensor
    parts: dict[str, Tensor]


class Task(Protocol):
    """One thing to learn.

    Attributes
    ----------
    pretrained : list of nn.Module
        Layers of the network that were loaded; they learn more slowly, or not at all for a while.
    """

    pretrained: list[nn.Module]

    @property
    def net(self) -> Net:
        """The network in training."""

    def batches(self, first: int, last: int, workers: int = 0) -> Iterator[Any]:
        """Batches of steps `first` to `last - 1`, the same whenever they are asked for.

        They are made by so many processes, or by a thread of this one.
        """

    def loss(self, batch: Any, done: float) -> Loss:
        """What the network in training loses on a batch, after a share `done` of the run."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep beside weights and optimiser."""

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on with what `state` gave, or anew where an older checkpoint has none of it."""

    def start_anew(self) -> None:
        """The network has been given other weights than those it was made with."""


def open_task(
    config: TrainConfig | WindowTrainConfig, data: Path, device: torch.device, mixed: bool
) -> Task:
    """The task of a recipe; `mixed` computes in bfloat16 where that is safe.

    Raises
    ------
    ConfigError, DatasetError, ModelError
        When the data, the pretrained weights or the teacher cannot be used.
    """
    if isinstance(config, WindowTrainConfig):
        from openpaf.train.window_task import WindowTask

        return WindowTask(config, data, device, mixed)
    from openpaf.train.paf_task import PafTask

    return PafTask(config, data, device, mixed)
