"""What every window network is for its trainer and for the exported graph."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor, nn

from openpaf.network.stages import fold_batch_norms
from openpaf.network.window.config import WindowNetConfig
from openpaf.skeleton_table import skeleton_from


class WindowNet(nn.Module):
    """A window network.

    Parameters
    ----------
    config : WindowNetConfig

    Attributes
    ----------
    color, scale, offset
        How it wants its windows: RGB, `pixel * scale + offset`.
    gives : "maps" or "coordinates"
        What `forward` gives at every point of supervision: logits of maps (N, K, h, w), or x, y
        (N, K, 2) as shares of the window from its middle, -0.5 to 0.5.
    """

    color = "rgb"
    # Mean and deviation of ImageNet's pictures.
    scale = (1 / 58.395, 1 / 57.12, 1 / 57.375)
    offset = (-123.675 / 58.395, -116.28 / 57.12, -103.53 / 57.375)
    gives = "maps"

    def __init__(self, config: WindowNetConfig) -> None:
        super().__init__()
        self.config = config
        self.skeleton = skeleton_from(config.skeleton)
        self.parts = len(self.skeleton.parts)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) normalised to what each stage predicts, the last one last."""
        raise NotImplementedError

    def heads(self) -> list[nn.Module]:
        """The linear layers that predict."""
        raise NotImplementedError

    def predict(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised to maps (N, K, h, w), or x, y, score (N, K, 3) in window px."""
        last = self.forward(x)[-1]
        return last if self.gives == "maps" else self.in_window(last)

    def in_window(self, shares: Tensor) -> Tensor:
        """(N, K, 2) shares of the window to x, y in window px and a score, (N, K, 3).

        A regressor does not say how sure it is; a part that it places outside is not seen.
        """
        size = torch.tensor(self.config.size, dtype=shares.dtype, device=shares.device)
        points = shares * size + (size - 1) / 2
        inside = (shares.abs() <= 0.5).all(dim=2, keepdim=True).to(shares.dtype)
        return torch.cat([points, inside], dim=2)

    def folded(self) -> Self:
        """A copy for inference with every batch norm that can be folded into its convolution."""
        net = copy.deepcopy(self).eval()
        fold_batch_norms(net)
        return net


def start_small(head: nn.Conv2d | nn.Linear) -> None:
    """Let a layer that predicts begin near 0."""
    nn.init.normal_(head.weight, std=0.01)
    nn.init.constant_(head.get_parameter("bias"), 0.0)
