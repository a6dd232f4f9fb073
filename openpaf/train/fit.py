"""The training loop: batches in, averaged weights out, resumable at any step."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from openpaf.errors import CheckpointError, ConfigError, DatasetError
from openpaf.network import checkpoint
from openpaf.network.backbones import MobileNetBackbone
from openpaf.network.pafnet import PafNet
from openpaf.train.backbone_weights import read_backbone_weights
from openpaf.train.batches import Batch, batches
from openpaf.train.config import TrainConfig, recipe_from
from openpaf.train.crop import Cropper
from openpaf.train.data import Picture, read_set
from openpaf.train.loss import feature_loss, stage_losses
from openpaf.train.optimizer import Optimizer
from openpaf.train.targets import Labels, render
from openpaf.train.teacher import OpenVinoTeacher

_SAVE_EVERY_S = 120.0


@dataclass(frozen=True)
class Progress:
    """What the loop tells after a step."""

    step: int
    steps: int
    losses: dict[str, float]
    rate: float
    images_per_second: float


class Trainer:
    """One run.

    Parameters
    ----------
    config : TrainConfig
    data : Path
        Folder that the recipe's paths are relative to.
    folder : Path
        Where `last.pt` is kept.
    device : str
        "auto", or a torch device.
    threads : int
        CPU threads; 0 means all cores.

    Raises
    ------
    DatasetError, ConfigError, ModelError
        When the data or the teacher cannot be used.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: Path,
        folder: Path,
        device: str = "auto",
        threads: int = 0,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.config = config
        self.folder = folder
        self.device = torch.device(device)
        torch.manual_seed(config.seed)
        self.net = PafNet(config.network)
        self.pretrained: list[nn.Module] = []
        if config.backbone_weights:
            self.pretrained = _load_backbone_weights(self.net, data / config.backbone_weights)
        self.backbone_is_teachers = config.backbone_weights == config.teacher != ""
        self.net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimizer = Optimizer(self.net, self.pretrained, config)
        self.mixed = self.device.type == "cuda" or _cpu_has_bfloat16()
        self.cropper = Cropper(*_pictures(config, data, self.net), config, self.net.skeleton)
        self.teacher = None
        if config.teacher:
            self.teacher = OpenVinoTeacher(
                data / config.teacher,
                config.batch,
                config.crop,
                torch.get_num_threads(),
                config.second_look,
            )
        self.scale = torch.tensor(self.net.scale, device=self.device)[:, None, None]
        self.offset = torch.tensor(self.net.offset, device=self.device)[:, None, None]
        self.step = 0

    def run(self, report: Callable[[Progress], None], stop: Callable[[], bool]) -> None:
        """Train until the recipe's last step, or until `stop()`; save on the way and at the end."""
        config = self.config
        saved = time.monotonic()
        try:
            for batch in batches(self.cropper, self.step, config.steps, config.batch):
                begun = time.perf_counter()
                losses, rate = self._step(batch)
                self.step += 1
                seconds = time.perf_counter() - begun
                report(Progress(self.step, config.steps, losses, rate, config.batch / seconds))
                if stop():
                    break
                if time.monotonic() - saved > _SAVE_EVERY_S:
                    self.save()
                    saved = time.monotonic()
        finally:
            self.save()

    def _step(self, batch: Batch) -> tuple[dict[str, float], float]:
        config = self.config
        done = self.step / config.steps
        frames = torch.from_numpy(batch.frames).to(self.device)
        cells = config.crop // self.net.stride
        teacher = None
        hint = None
        if self.teacher is not None:
            maps, pafs, hint = (f.to(self.device) for f in self.teacher.fields(batch.frames))
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
        self.net.train()
        frozen = done < config.backbone_frozen
        self.backbone_is_teachers &= frozen  # as soon as it learns, it is its own
        for module in self.pretrained:
            module.requires_grad_(not frozen)
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
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        rate = self.optimizer.step(self.step)
        _update(self.average, self.net, min(config.ema, (1 + self.step) / (10 + self.step)))
        return {name: float(value.detach()) for name, value in losses.items()}, rate

    def _normalise(self, frames: Tensor) -> Tensor:
        x = frames.permute(0, 3, 1, 2)
        if self.net.color == "rgb":
            x = x.flip(1)
        return (x * self.scale + self.offset).contiguous(memory_format=torch.channels_last)

    def save(self) -> None:
        """Write `last.pt`."""
        checkpoint.save(
            self.folder / "last.pt",
            {
                "step": self.step,
                "recipe": asdict(self.config),
                "network": self.net.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "backbone_is_teachers": self.backbone_is_teachers,
            },
        )

    def save_average(self) -> Path:
        """Write the averaged weights alone to `average.safetensors`, to start other runs from."""
        path = self.folder / "average.safetensors"
        checkpoint.save_weights(path, self.average.state_dict())
        return path

    def resume(self, path: Path) -> None:
        """Go on where a checkpoint stopped.

        Raises
        ------
        CheckpointError
            When it cannot be read or was made by a network of another layout or another optimiser.
        """
        state = self._state(path)
        self.net.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} was trained by another optimiser and cannot be resumed; "
                f"begin a new run from its weights with --start"
            ) from error
        self.step = int(state["step"])
        self.backbone_is_teachers = bool(state.get("backbone_is_teachers"))

    def start_from(self, path: Path) -> None:
        """Begin a new run with the averaged weights of a checkpoint, or of a safetensors file.

        Raises
        ------
        CheckpointError
            When it cannot be read or was made by a network of another layout.
        """
        if path.suffix == ".safetensors":
            average = checkpoint.load_weights(path)
        else:
            average = self._state(path)["average"]
        try:
            self.net.load_state_dict(average)
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip()
            raise CheckpointError(f"{path} is of another layout: {reason}") from error
        self.average.load_state_dict(average)
        self.backbone_is_teachers = False

    def _state(self, path: Path) -> dict[str, Any]:
        state = checkpoint.load(path)
        theirs = recipe_from(state["recipe"]).network
        if theirs != self.config.network:
            raise CheckpointError(
                f"{path} holds {theirs}, the recipe asks for {self.config.network}"
            )
        return state


def _pictures(
    config: TrainConfig, data: Path, net: PafNet
) -> tuple[list[Picture], NDArray[np.float64]]:
    pictures: list[Picture] = []
    shares: list[float] = []
    for entry in config.sets:
        found = read_set(data, entry, net.skeleton)
        pictures += found
        shares += [entry.weight / len(found)] * len(found)
    if sum(shares) <= 0:
        raise DatasetError("every set has weight 0; give at least one a positive weight")
    return pictures, np.array(shares)


def _load_backbone_weights(net: PafNet, path: Path) -> list[nn.Module]:
    """Start the backbone from pretrained weights; returns its layers."""
    if not isinstance(net.backbone, MobileNetBackbone):
        raise ConfigError("backbone_weights fit the mobilenet backbone only")
    weights = read_backbone_weights(path)
    try:
        return net.backbone.load_pretrained(weights)
    except RuntimeError as error:
        raise ConfigError(f"{path} holds a backbone of another size: {error}") from error


def _cpu_has_bfloat16() -> bool:
    """Whether bfloat16 is arithmetic here; where it is emulated it is slower than float32."""
    # Not a public name of torch: a version without it trains in float32.
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return asked is not None and bool(asked())


@torch.no_grad()
def _update(average: PafNet, net: PafNet, decay: float) -> None:
    for theirs, ours in zip(average.parameters(), net.parameters(), strict=True):
        theirs.lerp_(ours, 1 - decay)
    # Batch statistics too: those of the last few steps belong to other weights than the average.
    for kept, fresh in zip(average.buffers(), net.buffers(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(fresh, 1 - decay)
        else:
            kept.copy_(fresh)
