"""Learn fields: crops of pictures, confidence maps and PAFs of people and of a teacher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from openpaf.network.pafnet import PafNet
from openpaf.train.backbone_weights import start_backbone
from openpaf.train.batches import Batch, ahead, crop_batch
from openpaf.train.config import TrainConfig
from openpaf.train.crop import Cropper
from openpaf.train.data import read_sets
from openpaf.train.loss import feature_loss, stage_losses
from openpaf.train.targets import Labels, render
from openpaf.train.task import Loss
from openpaf.train.teacher import OpenVinoTeacher


class PafTask:
    """See `Task`."""

    def __init__(self, config: TrainConfig, data: Path, device: torch.device, mixed: bool) -> None:
        self.config, self.device, self.mixed = config, device, mixed
        self.net = PafNet(config.network)
        self.pretrained: list[nn.Module] = []
        if config.backbone_weights:
            self.pretrained = start_backbone(self.net, data, config.backbone_weights)
        self.backbone_is_teachers = config.backbone_weights == config.teacher != ""
        self.cropper = Cropper(
            *read_sets(data, config.sets, self.net.skeleton), config, self.net.skeleton
        )
        self.teacher = None
        if config.teacher:
            self.teacher = OpenVinoTeacher(
                data / config.teacher,
                config.batch,
                config.crop,
                torch.get_num_threads(),
                config.second_look,
            )
        self.scale = torch.tensor(self.net.scale, device=device)[:, None, None]
        self.offset = torch.tensor(self.net.offset, device=device)[:, None, None]

    def batches(self, first: int, last: int, workers: int = 0) -> Iterator[Batch]:
        """Crops and their labels."""
        make = partial(crop_batch, self.cropper, size=self.config.batch)
        return ahead(make, first, last, workers)

    def loss(self, batch: Batch, done: float) -> Loss:
        """Squared error of every stage, and of the features where the teacher hints at them."""
        config = self.config
        frames = batch.frames.to(self.device)
        cells = config.crop // self.net.stride
        teacher = None
        hint = None
        if self.teacher is not None:
            maps, pafs, hint = (
                f.to(self.device) for f in self.teacher.fields(batch.frames.numpy())
            )
            teacher = (maps, pafs)
        targets = render(
            Labels(**{name: value.to(self.device) for name, value in vars(batch.labels).items()}),
            self.net.skeleton,
            (cells, cells),
            stride=self.net.stride,
            sigma=config.sigma,
            limb_width=config.limb_width,
            teacher=teacher,
        )
        # As soon as it learns, it is its own.
        self.backbone_is_teachers &= done < config.backbone_frozen
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            if hint is not None and self.backbone_is_teachers:
                # What the backbone would say: not to be computed twice.
                features = hint.contiguous(memory_format=torch.channels_last)
            else:
                features = self.net.backbone(self._normalise(frames))
            outputs = self.net.stages(features)
        losses = stage_losses([(kind, maps.float()) for kind, maps in outputs], targets)
        loss = torch.stack(list(losses.values())).sum()
        if hint is not None and config.feature_weight and not self.backbone_is_teachers:
            losses["features"] = feature_loss(features.float(), hint)
            loss = loss + config.feature_weight * (1 - done) * losses["features"]
        return Loss(loss, losses)

    def _normalise(self, frames: Tensor) -> Tensor:
        x = frames.permute(0, 3, 1, 2)
        if self.net.color == "rgb":
            x = x.flip(1)
        return (x * self.scale + self.offset).contiguous(memory_format=torch.channels_last)

    def state(self) -> dict[str, Any]:
        """Whether the backbone is still the teacher's own."""
        return {"backbone_is_teachers": self.backbone_is_teachers}

    def resume(self, state: Mapping[str, Any]) -> None:
        """See `Task`."""
        self.backbone_is_teachers = bool(state.get("backbone_is_teachers"))

    def start_anew(self) -> None:
        """See `Task`."""
        self.backbone_is_teachers = False
