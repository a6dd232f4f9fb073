"""Networks with all that belongs to their graph around them: frames in, fields or parts out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openpaf.network.mobilenet_openpose import MobileNetOpenPose
from openpaf.network.pafnet import PafNet
from openpaf.network.published import PublishedNetwork
from openpaf.network.window import WindowNet

PoseNetwork = PafNet | PublishedNetwork | MobileNetOpenPose
"""A network with `predict` and the conventions of its input as attributes."""


class FramesToFields(nn.Module):
    """A network with everything around it that belongs in the exported graph."""

    scale: Tensor
    offset: Tensor
    limb_order: Tensor

    def __init__(self, network: PoseNetwork) -> None:
        super().__init__()
        self.network = network
        self.rgb = network.color == "rgb"
        self.register_buffer("scale", torch.tensor(network.scale).view(1, 3, 1, 1))
        self.register_buffer("offset", torch.tensor(network.offset).view(1, 3, 1, 1))
        order = [channel for pair in network.paf_channels for channel in pair]
        self.in_limb_order = order == sorted(order)
        self.register_buffer("limb_order", torch.tensor(order), persistent=False)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the fields of frames.

        Parameters
        ----------
        frames : (N, H, W, 3) uint8, BGR

        Returns
        -------
        confidence_maps : (N, K, h, w)
        pafs : (N, 2L, h, w), limb order
            Both of the type of the network's weights.
        """
        x = frames.permute(0, 3, 1, 2).to(self.scale.dtype)
        if self.rgb:
            x = x.flip(1)
        confidence_maps, pafs = self.network.predict(x * self.scale + self.offset)
        if self.network.background:
            confidence_maps = confidence_maps[:, :-1]
        if not self.in_limb_order:
            pafs = pafs.index_select(1, self.limb_order)
        return confidence_maps, pafs


class FramesToParts(nn.Module):
    """A window network with everything around it that belongs in the exported graph."""

    scale: Tensor
    offset: Tensor

    def __init__(self, network: WindowNet) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("scale", torch.tensor(network.scale).view(1, 3, 1, 1))
        self.register_buffer("offset", torch.tensor(network.offset).view(1, 3, 1, 1))

    def forward(self, frames: Tensor) -> tuple[Tensor]:
        """Predict the parts of the people in windows.

        Parameters
        ----------
        frames : (N, H, W, 3) uint8, BGR

        Returns
        -------
        ((N, K, h, w),) logits of maps, or ((N, K, 3),) x, y and score in window px
        """
        x = frames.permute(0, 3, 1, 2).to(self.scale.dtype).flip(1)
        return (self.network.predict(x * self.scale + self.offset),)
