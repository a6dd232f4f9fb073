"""Convolutional pose machine: every stage sees features and the maps of the stage before.

Wei et al., "Convolutional Pose Machines", 2016, figure 2. Each stage gives a map more than there
are parts, of the background, which only the next stage sees.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openpaf.network.window.config import WindowNetConfig
from openpaf.network.window.net import WindowNet, start_small


def _conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    # Batch norms are not the paper's: without them six stages need its pretrained first layers.
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


class ConvolutionalPoseMachine(WindowNet):
    """See the module; the maps have stride 8."""

    def __init__(self, config: WindowNetConfig) -> None:
        super().__init__(config)
        base, small, wide = (config.channels(c) for c in (128, 32, 512))
        maps = self.parts + 1
        self.first = nn.Sequential(
            *self._features(base, small),
            *_conv(small, wide, 9), *_conv(wide, wide, 1), self._head(wide, maps),
        )  # fmt: skip
        # The features of the later stages are computed once and shared by them.
        self.features = nn.Sequential(*self._features(base, small))
        self.refining = nn.ModuleList(
            nn.Sequential(
                *_conv(small + maps, base, 11), *_conv(base, base, 11), *_conv(base, base, 11),
                *_conv(base, base, 1), self._head(base, maps),
            )
            for _ in range(config.stages - 1)
        )  # fmt: skip

    @staticmethod
    def _features(base: int, small: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        inputs = 3
        for _ in range(3):
            layers += [*_conv(inputs, base, 9), nn.MaxPool2d(2)]
            inputs = base
        return [*layers, *_conv(base, small, 5)]

    @staticmethod
    def _head(inputs: int, maps: int) -> nn.Conv2d:
        head = nn.Conv2d(inputs, maps, 1)
        start_small(head)
        return head

    def forward(self, x: Tensor) -> list[Tensor]:
        """One prediction a stage; see `WindowNet.forward`."""
        beliefs = [self.first(x)]
        if len(self.refining):
            features = self.features(x)
            for stage in self.refining:
                beliefs.append(stage(torch.cat([features, beliefs[-1]], dim=1)))
        return [belief[:, : self.parts] for belief in beliefs]

    def heads(self) -> list[nn.Module]:
        """The last convolution of every stage."""
        return [
            self.first[-1],
            *(stage[-1] for stage in self.refining if isinstance(stage, nn.Sequential)),
        ]
