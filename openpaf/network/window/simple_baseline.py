"""Simple Baselines: a ResNet, three deconvolutions, a 1x1 convolution.

Xiao, Wu & Wei, "Simple Baselines for Human Pose Estimation and Tracking", 2018, section 2.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from openpaf.network.window.config import WindowNetConfig
from openpaf.network.window.net import WindowNet, start_small

# Blocks of each of the four levels, by layers of the ResNet.
_BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_LEVELS = (64, 128, 256, 512)


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class _BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., 2016, figure 5)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_conv(inputs, outputs, 3, stride), nn.ReLU(inplace=True), *_conv(outputs, outputs, 3)
        )
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(*_conv(inputs, outputs, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


class SimpleBaseline(WindowNet):
    """See the module; the maps have stride 4."""

    def __init__(self, config: WindowNetConfig) -> None:
        super().__init__(config)
        channels = config.channels(64)
        self.stem = nn.Sequential(
            *_conv(3, channels, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        self.levels = nn.Sequential()
        for level, base in enumerate(_LEVELS):
            for block in range(_BLOCKS[config.layers][level]):
                outputs = config.channels(base)
                stride = 2 if level and not block else 1
                self.levels.append(_BasicBlock(channels, outputs, stride))
                channels = outputs
        self.deconvs = nn.Sequential()
        outputs = config.channels(config.deconv)
        for _ in range(3):
            self.deconvs += nn.Sequential(
                nn.ConvTranspose2d(channels, outputs, 4, 2, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            )
            channels = outputs
        self.head = nn.Conv2d(channels, self.parts, 1)
        start_small(self.head)

    def forward(self, x: Tensor) -> list[Tensor]:
        """One prediction; see `WindowNet.forward`."""
        return [self.head(self.deconvs(self.levels(self.stem(x))))]

    def heads(self) -> list[nn.Module]:
        """The one 1x1 convolution."""
        return [self.head]
