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
        on_gpu = any(matrix.is_cuda for matrix in self._matrices)
        muon = torch.optim.Muon if on_gpu or cpu_has_bfloat16() else Muon32
        self.muon: torch.optim.Optimizer = muon(
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
        self.muon.step()
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


class Muon32(torch.optim.Muon):
    """Muon in single precision, for processors on which bfloat16 is emulated and slow.

    Keller Jordan's five steps of a quintic iteration by Newton and Schulz, as torch has them.
    """

    _FACTORS = (3.4445, -4.7750, 2.0315)
    _STEPS = 5

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change the weights by their gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter.grad)
                momentum = state["momentum_buffer"]
                momentum.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(momentum, group["momentum"])
                # Tall matrices turn each output by more than wide ones.
                rate = group["lr"] * math.sqrt(max(1.0, len(parameter) / parameter.shape[1]))
                parameter.add_(self._orthogonal(ahead), alpha=-rate)

    def _orthogonal(self, matrix: Tensor) -> Tensor:
        tall = matrix.shape[0] > matrix.shape[1]
        x = matrix.T if tall else matrix
        x = x / x.norm().clamp(min=1e-7)
        a, b, c = self._FACTORS
        for _ in range(self._STEPS):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x.T if tall else x


def cpu_has_bfloat16() -> bool:
    """Whether bfloat16 is arithmetic here; where it is emulated it is slower than float32."""
    # Not a public name of torch: a version without it trains in float32.
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return asked is not None and bool(asked())


def schedule(step: int, config: RunConfig) -> float:
    """Share of the peak rate at a step: linear warm-up, then a cosine from 1 to 0.01."""
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    done = (step - config.warm_up) / max(1, config.steps - config.warm_up)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min(done, 1.0))) / 2


def _as_matrix(weight: Tensor) -> Tensor:
    """(out, in, k, k) to (out, k k in): a view where the weight is channels-last."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
