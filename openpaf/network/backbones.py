"""Backbones of the compact family: a picture in, 128 feature channels at stride 8 out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openpaf.network.depthwise import DepthwiseConv
from openpaf.network.stages import conv_bn_relu

FEATURES = 128
"""Channels every backbone hands to the stages, as the published layouts do (conv4_4_CPM)."""


# Of the names of layers, how those of MobileNet v1 itself begin.
_PLAIN = ("co", "dw", "pw")


class Vgg19Backbone(nn.Module):
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
        self.depthwise = DepthwiseConv(inputs, stride, dilation)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.pointwise(F.relu(self.depthwise(x))))


class _Bottleneck(nn.Module):
    """512 channels to 128, looked at three cells further, then mixed by a 3x3 convolution.

    Laid out as in human-pose-estimation-0001, so that it can start from that network's weights.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.align = nn.Conv2d(inputs, FEATURES, 1)
        self.widen = nn.Sequential()
        for depthwise in (False, True, False, True, False, True, False):
            self.widen.append(
                DepthwiseConv(FEATURES) if depthwise else nn.Conv2d(FEATURES, FEATURES, 1)
            )
            self.widen.append(nn.ELU())
        self.mix = nn.Conv2d(FEATURES, FEATURES, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, 128, h, w)."""
        x = F.elu(self.align(x))
        return F.relu(self.mix(x + self.widen(x)))


class MobileNetBackbone(nn.Module):
    """MobileNet v1 through its eleventh block, kept at stride 8, then a bottleneck to 128 channels.

    The sixth block does not halve the maps as in MobileNet v1; the seventh is dilated instead, so
    that small people stay sharp. Batch norm is folded into it already, so it starts from
    plain pretrained convolutions.

    Parameters
    ----------
    blocks : int
        From 5 to 11, the first so many; the bottleneck comes with all of them only.

    Attributes
    ----------
    channels : int
        Of what it gives.
    """

    color = "rgb"
    scale = (1 / 127.5, 1 / 127.5, 1 / 127.5)
    offset = (-1.0, -1.0, -1.0)

    EARLY = 128
    """Channels of the last block of stride 4."""

    _EARLY_BLOCKS = 3
    # Outputs, stride and dilation of each block after the first convolution.
    _BLOCKS = (
        (64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1), (512, 1, 2),
        (512, 1, 1), (512, 1, 1), (512, 1, 1), (512, 1, 1),
    )  # fmt: skip

    def __init__(self, blocks: int = len(_BLOCKS)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, padding=1)
        self.blocks = nn.Sequential()
        channels = 32
        for outputs, stride, dilation in self._BLOCKS[:blocks]:
            self.blocks.append(_Separable(channels, outputs, stride, dilation))
            channels = outputs
        whole = blocks == len(self._BLOCKS)
        self.channels = FEATURES if whole else channels
        self.bottleneck = _Bottleneck(channels) if whole else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised to (N, channels, H/8, W/8)."""
        return self.look(x)[1]

    def look(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The third block's cells too: (N, EARLY, H/4, W/4), and what `forward` gives."""
        early = self.blocks[: self._EARLY_BLOCKS](F.relu(self.conv1(x)))
        return early, self.bottleneck(self.blocks[self._EARLY_BLOCKS :](early))

    def load_pretrained(self, weights: Mapping[str, Tensor]) -> list[nn.Module]:
        """Start from pretrained weights.

        Parameters
        ----------
        weights : mapping
            `conv1`, `dw1`, `pw1` ... `pw11`, each `.weight` and `.bias`, batch norm folded, for
            RGB input in -1..1. The bottleneck too if it is there: `align`, `widen1` ... `widen7`,
            `mix`.

        Returns
        -------
        list of nn.Module
            The layers that were loaded, first to last.
        """
        layers = self.layers()
        if "align.weight" not in weights:
            layers = {name: conv for name, conv in layers.items() if name[:2] in _PLAIN}
        for name, conv in layers.items():
            _copy(conv, weights, name)
        return list(layers.values())

    def layers(self) -> dict[str, nn.Conv2d]:
        """Every convolution by the name that `load_pretrained` knows, first to last."""
        layers = {"conv1": self.conv1}
        for number, block in enumerate(self.blocks, start=1):
            assert isinstance(block, _Separable)
            layers |= {f"dw{number}": block.depthwise, f"pw{number}": block.pointwise}
        if not isinstance(self.bottleneck, _Bottleneck):
            return layers
        convolutions = (m for m in self.bottleneck.widen if isinstance(m, nn.Conv2d))
        layers["align"] = self.bottleneck.align
        layers |= {f"widen{n}": conv for n, conv in enumerate(convolutions, start=1)}
        return layers | {"mix": self.bottleneck.mix}


def _copy(conv: nn.Conv2d, weights: Mapping[str, Tensor], name: str) -> None:
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.copy_(weights[f"{name}.weight"])
        conv.bias.copy_(weights[f"{name}.bias"])
