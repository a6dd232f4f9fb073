"""Stacked hourglass: down to a few cells and up again, with a skip at every size, again and again.

Newell, Yang & Deng, "Stacked Hourglass Networks for Human Pose Estimation", 2016, section 3.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from openpaf.network.window.config import WindowNetConfig
from openpaf.network.window.net import WindowNet, start_small


class Residual(nn.Module):
    """A bottleneck of 1x1, 3x3 and 1x1 convolutions, each after batch norm and ReLU (figure 4)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, half, 1),
            nn.BatchNorm2d(half), nn.ReLU(), nn.Conv2d(half, half, 3, padding=1),
            nn.BatchNorm2d(half), nn.ReLU(), nn.Conv2d(half, outputs, 1),
        )  # fmt: skip
        self.shortcut = nn.Sequential() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, outputs, h, w)."""
        out: Tensor = self.body(x) + self.shortcut(x)
        return out


class Hourglass(nn.Module):
    """One hourglass (figure 3): `depth` halvings, nearest-neighbour doublings, added skips."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.skip = Residual(channels, channels)
        self.down = nn.Sequential(nn.MaxPool2d(2), Residual(channels, channels))
        self.inner: Hourglass | Residual = (
            Hourglass(channels, depth - 1) if depth > 1 else Residual(channels, channels)
        )
        self.up = Residual(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to the same; h and w are multiples of 2 ** depth."""
        deep = self.up(self.inner(self.down(x)))
        out: Tensor = self.skip(x) + F.interpolate(deep, scale_factor=2.0, mode="nearest")
        return out


class StackedHourglass(WindowNet):
    """See the module; the maps have stride 4, and every stack is taught."""

    def __init__(self, config: WindowNetConfig) -> None:
        super().__init__(config)
        first, middle, channels = (config.channels(c) for c in (64, 128, 256))
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 7, 2, 3), nn.BatchNorm2d(first), nn.ReLU(inplace=True),
            Residual(first, middle), nn.MaxPool2d(2),
            Residual(middle, middle), Residual(middle, channels),
        )  # fmt: skip
        stacks = range(config.stages)
        self.hourglasses = nn.ModuleList(
            nn.Sequential(
                Hourglass(channels, config.depth), Residual(channels, channels),
                nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True),
            )
            for _ in stacks
        )  # fmt: skip
        self.predictions = nn.ModuleList(nn.Conv2d(channels, self.parts, 1) for _ in stacks)
        # What a stack saw and what it predicted go on to the next by 1x1 convolutions.
        self.seen = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in stacks[1:])
        self.predicted = nn.ModuleList(nn.Conv2d(self.parts, channels, 1) for _ in stacks[1:])
        for head in self.predictions:
            assert isinstance(head, nn.Conv2d)
            start_small(head)

    def forward(self, x: Tensor) -> list[Tensor]:
        """One prediction a stack; see `WindowNet.forward`."""
        x = self.stem(x)
        outputs = []
        for stack, hourglass in enumerate(self.hourglasses):
            features = hourglass(x)
            outputs.append(self.predictions[stack](features))
            if stack < len(self.seen):
                x = x + self.seen[stack](features) + self.predicted[stack](outputs[-1])
        return outputs

    def heads(self) -> list[nn.Module]:
        """The 1x1 convolution that predicts, of every stack."""
        return list(self.predictions)
