"""Squared error of every stage: intermediate supervision against vanishing gradients (eq. 5)."""

from __future__ import annotations

import torch
from torch import Tensor

from openpaf.network.pafnet import StageOutput
from openpaf.train.targets import Targets


def stage_losses(outputs: list[StageOutput], targets: Targets) -> dict[str, Tensor]:
    """Weighted squared error of each stage: summed over channels, mean over cells and pictures.

    Returns
    -------
    dict of str to scalar
        Keys "pafs 1", "pafs 2", ..., "confidence_maps 1", ... in stage order.
    """
    losses: dict[str, Tensor] = {}
    for kind, predicted in outputs:
        truth, weights = (
            (targets.pafs, targets.paf_weights)
            if kind == "pafs"
            else (targets.confidence_maps, targets.map_weights)
        )
        number = sum(name.startswith(kind) for name in losses) + 1
        error = weights * (predicted - truth).square()
        losses[f"{kind} {number}"] = error.sum(dim=1).mean()
    return losses


def feature_loss(features: Tensor, teacher: Tensor) -> Tensor:
    """Squared error between both networks' 128 feature channels, in units of the teacher's."""
    energy = teacher.square().sum(dim=1).mean().clamp(min=1e-6)
    return torch.sum((features - teacher).square(), dim=1).mean() / energy
