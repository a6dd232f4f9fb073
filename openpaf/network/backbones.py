"""Fronts of the compact family: a picture in, 128 feature channels at stride 8 out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openpaf.network.stages import conv_bn_relu

FEATURES = 128
"""Channels every front hands to the stages, as the published layouts do (conv4_4_CPM)."""


class Vgg19Front(nn.Module):
    """The first ten convolutions of VGG-19, narrower, then two that reduce to the features.

    Parameters
    ----------
    width : float
        1 gives VGG-19's own 64 to 512 channels; 0.25 gives 16 to 128.
    """

    color = "bgr"
    scale = (1 / 256, 1 / 256, 1 / 256)
    offset = (-0.5, -0.5, -0.5)

    def __init__(self, width: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for group, (base, repeats) in enumerate([(64, 2), (128, 2), (256, 4), (512, 2)]):
            if group:
                layers.append(nn.MaxPool2d(2))
            for _ in range(repeats):
                layers.append(conv_bn_relu(channels, round(base * width)))
                channels = round(base * width)
        reduced = max(FEATURES, channels // 2)
        self.body = nn.Sequential(
            *layers, conv_bn_relu(channels, reduced), conv_bn_relu(reduced, FEATURES)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised to (N, 128, H/8, W/8)."""
        out: Tensor = self.body(x)
        return out


class _Separable(nn.Module):
    """A depthwise 3x3 and a pointwise convolution, each with ReLU, as in MobileNet v1."""

    def __init__(self, inputs: int, outputs: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, dilation, dilation, inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.pointwise(F.relu(self.depthwise(x))))


class MobileNetFront(nn.Module):
    """MobileNet v1 through its eleventh block, kept at stride 8, then two that reduce to 128.

    The sixth block does not halve the maps as in MobileNet v1; the seventh is dilated instead, so
    that small people stay sharp. Batch norm is folded into the trunk already, so it starts from
    plain pretrained convolutions.
    """

    color = "rgb"
    scale = (1 / 127.5, 1 / 127.5, 1 / 127.5)
    offset = (-1.0, -1.0, -1.0)

    # Outputs, stride and dilation of each block after the first convolution.
    _BLOCKS = (
        (64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1), (512, 1, 2),
        (512, 1, 1), (512, 1, 1), (512, 1, 1), (512, 1, 1),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, padding=1)
        self.blocks = nn.Sequential()
        channels = 32
        for outputs, stride, dilation in self._BLOCKS:
            self.blocks.append(_Separable(channels, outputs, stride, dilation))
            channels = outputs
        self.reduce = nn.Sequential(
            conv_bn_relu(channels, FEATURES, kernel=1), conv_bn_relu(FEATURES, FEATURES)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised to (N, 128, H/8, W/8)."""
        out: Tensor = self.reduce(self.blocks(F.relu(self.conv1(x))))
        return out

    def load_trunk(self, weights: Mapping[str, Tensor]) -> None:
        """Start the trunk from pretrained weights.

        Parameters
        ----------
        weights : mapping
            `conv1`, `dw1`, `pw1` ... `pw11`, each `.weight` and `.bias`, batch norm folded, for
            RGB input in -1..1.
        """
        _copy(self.conv1, weights, "conv1")
        for number, block in enumerate(self.blocks, start=1):
            assert isinstance(block, _Separable)
            _copy(block.depthwise, weights, f"dw{number}")
            _copy(block.pointwise, weights, f"pw{number}")

    def trunk(self) -> list[nn.Module]:
        """Every pretrained layer, first to last."""
        return [self.conv1, *self.blocks]


def _copy(conv: nn.Conv2d, weights: Mapping[str, Tensor], name: str) -> None:
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.copy_(weights[f"{name}.weight"])
        conv.bias.copy_(weights[f"{name}.bias"])
