"""Muon for convolutions that learn from scratch, AdamW for everything else."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from openpaf.network.pafnet import PafNet
from openpaf.network.window import WindowNet
from openpaf.train.config import RunConfig


class Optimizer:
    """Both optimisers of a network, stepped as one.

    Muon makes every direction of a weight matrix learn equally fast. It suits hidden layers; the
    linear heads, batch norms and pretrained layers are AdamW's.

    Parameters
    ----------
    net : PafNet or WindowNet
        On the device and in the memory format it is trained in.
    pretrained : list of nn.Module
        Its pretrained layers, slowed by the recipe's `backbone_rate`.
    config : RunConfig
    """

    def __init__(
        self, net: PafNet | WindowNet, pretrained: list[nn.Module], config: RunConfig
    ) -> None:
        self.config = config
        slow = {id(p) for module in pretrained for p in module.parameters()}
        linear = {id(p) for head in net.heads() for p in head.parameters()}
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        self._hidden: list[nn.Parameter] = []
        for parameter in net.parameters():
            is_slow = id(parameter) in slow
            if parameter.ndim == 4 and not is_slow and id(parameter) not in linear:
                self._hidden.append(parameter)
            else:
                key = (is_slow, parameter.ndim > 1)
                groups.setdefault(key, []).append(parameter)
        self.adamw = torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "rate": config.rate * (config.backbone_rate if is_slow else 1.0),
                    "weight_decay": config.weight_decay if decayed else 0.0,
                }
                for (is_slow, decayed), parameters in groups.items()
            ]
        )
        # Matrices that share the memory of the convolutions: one row an output channel.
        self._matrices = [nn.Parameter(_as_matrix(p.detach())) for p in self._hidden]
        self.muon = torch.optim.Muon(
            [{"params": self._matrices, "rate": config.muon_rate}], weight_decay=0.0
        )

    def step(self, number: int) -> float:
        """Change the network by its gradients and clear them; returns AdamW's rate at this step."""
        now = schedule(number, self.config)
        for optimizer in (self.adamw, self.muon):
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * now
        for parameter, matrix in zip(self._hidden, self._matrices, strict=True):
            matrix.grad = None if parameter.grad is None else _as_matrix(parameter.grad)
            parameter.grad = None
        self.adamw.step()
        self.muon.step()  # type: ignore[no-untyped-call]
        self.adamw.zero_grad(set_to_none=True)
        return self.config.rate * now

    def state_dict(self) -> dict[str, Any]:
        """State of both, to resume from."""
        return {"adamw": self.adamw.state_dict(), "muon": self.muon.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`; rates are the recipe's, not the state's.

        Raises
        ------
        KeyError, ValueError
            When the state is of another optimiser or another network.
        """
        for optimizer, theirs in ((self.adamw, state["adamw"]), (self.muon, state["muon"])):
            rates = [group["rate"] for group in optimizer.param_groups]
            optimizer.load_state_dict(theirs)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["rate"] = rate


def schedule(step: int, config: RunConfig) -> float:
    """Share of the peak rate at a step: linear warm-up, then a cosine from 1 to 0.01."""
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    done = (step - config.warm_up) / max(1, config.steps - config.warm_up)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min(done, 1.0))) / 2


def _as_matrix(weight: Tensor) -> Tensor:
    """(out, in, k, k) to (out, k k in): a view where the weight is channels-last."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
