"""The training loop: batches in, averaged weights out, resumable at any step."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from openpaf.errors import CheckpointError
from openpaf.network import checkpoint
from openpaf.network.pafnet import PafNet
from openpaf.selftest.machine import usable_cores
from openpaf.session import read_device
from openpaf.session.torch_gpu import torch_device
from openpaf.skeleton_table import skeleton_from
from openpaf.train.config import TrainConfig, WindowTrainConfig, recipe_from
from openpaf.train.optimizer import Optimizer, cpu_has_bfloat16
from openpaf.train.task import Net, open_task

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
    config : TrainConfig or WindowTrainConfig
    data : Path
        Folder that the recipe's paths are relative to.
    folder : Path
        Where `last.pt` is kept.
    device : str
        "auto", "cpu", "cuda" or "gpu", or "cuda:1" for the second of several.
    threads : int
        CPU threads; 0 means all cores.
    workers : int, optional
        Processes that make batches; a thread of this one for 0, and where it is left out one a
        core for a GPU, else the thread.

    Raises
    ------
    DatasetError, ConfigError, ModelError
        When the data, the teacher or the device cannot be used.
    GpuNotFoundError
        When a GPU was asked for that is not to be had.
    """

    def __init__(
        self,
        config: TrainConfig | WindowTrainConfig,
        data: Path,
        folder: Path,
        device: str = "auto",
        threads: int = 0,
        workers: int | None = None,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        self.config = config
        self.folder = folder
        self.device = torch_device(read_device(device), what="a network is trained")
        on_gpu = self.device.type == "cuda"
        self.workers = workers if workers is not None else usable_cores() * on_gpu
        torch.manual_seed(config.seed)
        mixed = on_gpu or cpu_has_bfloat16()
        self.task = open_task(config, data, self.device, mixed)
        self.net = self.task.net
        self.net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimizer = Optimizer(self.net, self.task.pretrained, config)
        self.step = 0

    @property
    def backbone_is_teachers(self) -> bool:
        """Whether a PAF network's backbone is still its teacher's own."""
        return bool(self.task.state().get("backbone_is_teachers"))

    def run(self, report: Callable[[Progress], None], stop: Callable[[], bool]) -> None:
        """Train until the recipe's last step, or until `stop()`; save on the way and at the end."""
        config = self.config
        saved = time.monotonic()
        try:
            for batch in self.task.batches(self.step, config.steps, self.workers):
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

    def _step(self, batch: Any) -> tuple[dict[str, float], float]:
        config = self.config
        self.net.train()
        done = self.step / config.steps
        for place, module in enumerate(self.task.pretrained):
            learns = place >= config.backbone_fixed and done >= config.backbone_frozen
            module.requires_grad_(learns)
        loss = self.task.loss(batch, done)
        loss.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        rate = self.optimizer.step(self.step)
        _update(self.average, self.net, min(config.ema, (1 + self.step) / (10 + self.step)))
        return {name: float(value.detach()) for name, value in loss.parts.items()}, rate

    def save(self) -> None:
        """Write `last.pt`, and the average alone."""
        self.save_average()
        checkpoint.save(
            self.folder / "last.pt",
            {
                "step": self.step,
                "recipe": asdict(self.config),
                "network": self.net.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            }
            | self.task.state(),
        )

    def save_average(self) -> Path:
        """Write the averaged weights alone, and their step, to `average.safetensors`.

        They are small: what other runs start from, and what a run goes on from elsewhere.
        """
        path = self.folder / "average.safetensors"
        checkpoint.save_weights(path, self.average.state_dict(), self.step)
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
        self.task.resume(state)

    def go_on(self, path: Path) -> None:
        """Go on from averaged weights alone, at their step; the optimiser begins anew.

        Raises
        ------
        CheckpointError
            When they cannot be read or are of another layout.
        """
        average, step = checkpoint.load_weights(path)
        self._begin_with(average, path)
        self.step = step

    def start_from(self, path: Path) -> None:
        """Begin a new run with the averaged weights of a checkpoint, or of a safetensors file.

        Of a PAF network that finds other parts, everything is taken that does not depend on them.

        Raises
        ------
        CheckpointError
            When it cannot be read or was made by a network of another layout.
        """
        theirs = None
        if path.suffix == ".safetensors":
            average, _ = checkpoint.load_weights(path)
        else:
            state = self._state(path, any_parts=True)
            average, theirs = state["average"], recipe_from(state["recipe"]).network.skeleton
        if isinstance(self.net, PafNet) and self._finds_others(average, theirs):
            average = self.net.of_other_parts(average)
        self._begin_with(average, path)

    def _finds_others(self, average: Mapping[str, Tensor], skeleton: object) -> bool:
        own = self.net.state_dict()
        heads = [name for name in own.keys() & average.keys() if ".head." in name]
        return skeleton not in (None, self.config.network.skeleton) or any(
            own[name].shape != average[name].shape for name in heads
        )

    def _begin_with(self, average: dict[str, Tensor], path: Path) -> None:
        try:
            self.net.load_state_dict(average)
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip()
            raise CheckpointError(f"{path} is of another layout: {reason}") from error
        self.average.load_state_dict(average)
        self.task.start_anew()

    def _state(self, path: Path, any_parts: bool = False) -> dict[str, Any]:
        """A checkpoint of a network like this one, of the same parts unless any will do."""
        state = checkpoint.load(path)
        theirs, ours = recipe_from(state["recipe"]).network, self.config.network
        if type(theirs) is type(ours):
            if not any_parts and theirs.skeleton != ours.skeleton:
                names = [skeleton_from(one.skeleton).name for one in (theirs, ours)]
                raise CheckpointError(
                    f"{path} was begun with the skeleton {names[0]}, which is not the recipe's "
                    f"{names[1]}, or no longer; begin a new run from its weights with --start"
                )
            theirs = replace(theirs, skeleton=ours.skeleton)
        if theirs != ours:
            raise CheckpointError(f"{path} holds {theirs}, the recipe asks for {ours}")
        return state


@torch.no_grad()
def _update(average: Net, net: Net, decay: float) -> None:
    for theirs, ours in zip(average.parameters(), net.parameters(), strict=True):
        theirs.lerp_(ours, 1 - decay)
    # Batch statistics too: those of the last few steps belong to other weights than the average.
    for kept, fresh in zip(average.buffers(), net.buffers(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(fresh, 1 - decay)
        else:
            kept.copy_(fresh)
