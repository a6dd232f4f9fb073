"""A window network on the backbone of the PAF networks: what sees bodies already sees one closely.

The backbone and its bottleneck have stride 8. Residual blocks look around a part, a transposed
convolution brings the maps to stride 4, as in Simple Baselines (Xiao et al., 2018, section 2), and
early cells of that stride are added, which know edges better than bodies.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from openpaf.network.backbones import MobileNetBackbone
from openpaf.network.stages import ResidualBlock, conv_bn_relu
from openpaf.network.window.config import WindowNetConfig
from openpaf.network.window.net import WindowNet, start_small


class MobileNetWindow(WindowNet):
    """See the module; the maps have stride 4."""

    color = MobileNetBackbone.color
    scale = MobileNetBackbone.scale
    offset = MobileNetBackbone.offset

    def __init__(self, config: WindowNetConfig) -> None:
        super().__init__(config)
        width, fine = config.channels(256), config.channels(config.deconv)
        self.backbone = MobileNetBackbone(config.blocks)
        self.around = nn.Sequential(conv_bn_relu(self.backbone.channels, width))
        for _ in range(config.residual):
            self.around.append(ResidualBlock(width))
        self.finer = nn.Sequential(
            nn.ConvTranspose2d(width, fine, 4, 2, 1, bias=False), nn.BatchNorm2d(fine)
        )
        self.early = nn.Sequential(
            nn.Conv2d(MobileNetBackbone.EARLY, fine, 1, bias=False), nn.BatchNorm2d(fine)
        )
        self.mix = conv_bn_relu(fine, fine)
        self.head = nn.Conv2d(fine, self.parts, 1)
        start_small(self.head)

    def forward(self, x: Tensor) -> list[Tensor]:
        """One prediction; see `WindowNet.forward`."""
        early, features = self.backbone.look(x)
        cells = F.relu(self.finer(self.around(features)) + self.early(early))
        return [self.head(self.mix(cells))]

    def heads(self) -> list[nn.Module]:
        """The one 1x1 convolution."""
        return [self.head]
