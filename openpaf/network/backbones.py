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
    """A depthwise 3x3 and a pointwise convolution, each with ReLU6, as in MobileNet v1."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self.pointwise(F.relu6(self.depthwise(x))))


class MobileNetFront(nn.Module):
    """MobileNet v1 through its eleventh block, its stride-16 maps brought back to stride 8.

    The deep blocks run at stride 16, where they were pretrained and cost a quarter; their output is
    enlarged twice and added to the last stride-8 maps, which keep small people sharp. Batch norm
    is folded into the trunk already, so it starts from plain convolutions.
    """

    color = "rgb"
    scale = (1 / 127.5, 1 / 127.5, 1 / 127.5)
    offset = (-1.0, -1.0, -1.0)

    _BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)), (
        (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, padding=1)
        shallow, deep = self._BLOCKS
        self.shallow, channels = _separables(32, shallow)
        self.deep, deep_channels = _separables(channels, deep)
        self.lateral = conv_bn_relu(channels, FEATURES, kernel=1)
        self.top = conv_bn_relu(deep_channels, FEATURES, kernel=1)
        self.merge = conv_bn_relu(FEATURES, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised to (N, 128, H/8, W/8); H and W multiples of 8."""
        shallow = self.shallow(F.relu6(self.conv1(x)))
        top = F.interpolate(self.top(self.deep(shallow)), scale_factor=2.0, mode="nearest")
        lateral = self.lateral(shallow)
        top = top[:, :, : lateral.shape[2], : lateral.shape[3]]
        out: Tensor = self.merge(lateral + top)
        return out

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Start the trunk from MobileNet v1 trained on ImageNet.

        Parameters
        ----------
        weights : mapping
            `conv1`, `dw1`, `pw1` ... `pw11`, each `.weight` and `.bias`, batch norm folded.
        """
        _copy(self.conv1, weights, "conv1")
        for number, block in enumerate([*self.shallow, *self.deep], start=1):
            _copy(block.depthwise, weights, f"dw{number}")
            _copy(block.pointwise, weights, f"pw{number}")

    def stem(self) -> list[nn.Module]:
        """Generic early layers, safe to keep as pretrained."""
        return [self.conv1, *list(self.shallow)[:3]]

    def trunk(self) -> list[nn.Module]:
        """Every pretrained layer."""
        return [self.conv1, self.shallow, self.deep]


def _separables(inputs: int, blocks: tuple[tuple[int, int], ...]) -> tuple[nn.Sequential, int]:
    layers = []
    for outputs, stride in blocks:
        layers.append(_Separable(inputs, outputs, stride))
        inputs = outputs
    return nn.Sequential(*layers), inputs


def _copy(conv: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    assert isinstance(conv, nn.Conv2d) and conv.bias is not None
    with torch.no_grad():
        conv.weight.copy_(weights[f"{name}.weight"])
        conv.bias.copy_(weights[f"{name}.bias"])
