"""Learn the parts of one person: windows of pictures, any kind of window network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from openpaf.network.window import build_window_net
from openpaf.train.backbone_weights import start_backbone
from openpaf.train.batches import ahead
from openpaf.train.config import WindowTrainConfig
from openpaf.train.data import read_sets
from openpaf.train.task import Loss
from openpaf.train.window_loss import cell_loss, coordinate_loss, mean_cell
from openpaf.train.windows import WindowBatch, WindowCutter


class WindowTask:
    """See `Task`."""

    def __init__(
        self, config: WindowTrainConfig, data: Path, device: torch.device, mixed: bool
    ) -> None:
        self.config, self.device, self.mixed = config, device, mixed
        self.net = build_window_net(config.network)
        self.pretrained: list[nn.Module] = []
        if config.backbone_weights:
            self.pretrained = start_backbone(self.net, data, config.backbone_weights)
        skeleton = self.net.skeleton
        self.cutter = WindowCutter(*read_sets(data, config.sets, skeleton), config, skeleton)
        self.scale = torch.tensor(self.net.scale, device=device)[:, None, None]
        self.offset = torch.tensor(self.net.offset, device=device)[:, None, None]

    def batches(self, first: int, last: int, workers: int = 0) -> Iterator[WindowBatch]:
        """Windows and their labels."""
        return ahead(self.cutter.batch, first, last, workers)

    def loss(self, batch: WindowBatch, done: float) -> Loss:
        """The loss of every stage, all of the same weight."""
        frames = batch.frames.to(self.device)
        points, known = batch.points.to(self.device), batch.known.to(self.device)
        x = frames.permute(0, 3, 1, 2).flip(1) * self.scale + self.offset
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            outputs = self.net(x.contiguous(memory_format=torch.channels_last))
        losses = {
            f"stage {number}": self._stage(output.float(), points, known)
            for number, output in enumerate(outputs, 1)
        }
        return Loss(torch.stack(list(losses.values())).sum(), losses)

    def _stage(self, output: Tensor, points: Tensor, known: Tensor) -> Tensor:
        network = self.config.network
        if self.net.gives == "coordinates":
            return coordinate_loss(output, points, known, network.size, squared=True)
        if network.head == "soft_argmax":
            shares = mean_cell(output)
            return coordinate_loss(shares, points, known, network.size, squared=False)
        return cell_loss(output, points, known, network.stride, self.config.sigma)

    def state(self) -> dict[str, Any]:
        """Nothing beside weights and optimiser."""
        return {}

    def resume(self, state: Mapping[str, Any]) -> None:
        """See `Task`."""

    def start_anew(self) -> None:
        """See `Task`."""
