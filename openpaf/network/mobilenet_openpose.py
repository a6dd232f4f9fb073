"""Lightweight OpenPose: a dilated MobileNet v1 and slim two-branch stages.

Osokin, "Real-time 2D multi-person pose estimation on CPU: Lightweight OpenPose", 2018, section 3.
Parameters carry the names they have in the published checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from openpaf.network.pafnet import StageOutput
from openpaf.skeleton import COCO_18

_WIDTH = 128
_MAPS = len(COCO_18.parts) + 1
_PAFS = 2 * len(COCO_18.limbs)

# (outputs, stride, dilation) of each separable block after the first convolution.
_TRUNK = (
    (64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1), (512, 1, 2),
    (512, 1, 1), (512, 1, 1), (512, 1, 1), (512, 1, 1),
)  # fmt: skip


def _conv(
    inputs: int, outputs: int, kernel: int = 3, *, dilation: int = 1, norm: bool = False
) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation)
    ]
    if norm:
        layers.append(nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers, nn.ReLU())


def _separable(inputs: int, outputs: int, stride: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, dilation, dilation, inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _separable_elu() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, groups=_WIDTH, bias=False),
        nn.ELU(),
        nn.Conv2d(_WIDTH, _WIDTH, 1, bias=False),
        nn.ELU(),
    )


def _head(hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        _conv(_WIDTH, hidden, 1), nn.Sequential(nn.Conv2d(hidden, outputs, 1))
    )  # the inner Sequential keeps the published name of the last layer


class _Features(nn.Module):
    """Reduce the trunk's channels and mix them once more."""

    def __init__(self) -> None:
        super().__init__()
        self.align = _conv(512, _WIDTH, 1)
        self.trunk = nn.Sequential(*(_separable_elu() for _ in range(3)))
        self.conv = _conv(_WIDTH, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = self.align(x)
        mixed: Tensor = self.conv(x + self.trunk(x))
        return mixed


class _RefinementBlock(nn.Module):
    """A 7x7 convolution's view from two 3x3 ones, the second dilated, around a shortcut."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.initial = _conv(inputs, _WIDTH, 1)
        self.trunk = nn.Sequential(
            _conv(_WIDTH, _WIDTH, norm=True), _conv(_WIDTH, _WIDTH, dilation=2, norm=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.initial(x)
        refined: Tensor = x + self.trunk(x)
        return refined


class _Stage(nn.Module):
    """Confidence maps and PAFs from a shared trunk."""

    def __init__(self, trunk: nn.Sequential, hidden: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.heatmaps = _head(hidden, _MAPS)
        self.pafs = _head(hidden, _PAFS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(x)
        return self.heatmaps(x), self.pafs(x)


class MobileNetOpenPose(nn.Module):
    """Lightweight OpenPose as published: COCO_18, one initial and one refinement stage.

    Its attributes mean what they mean in `PublishedNetwork`.
    """

    stride = 8
    scale = (1 / 256, 1 / 256, 1 / 256)
    offset = (-0.5, -0.5, -0.5)
    color = "bgr"
    background = True
    skeleton = COCO_18
    paf_channels = COCO_18.paf_channels

    def __init__(self) -> None:
        super().__init__()
        first = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        blocks = [nn.Sequential(first, nn.BatchNorm2d(32), nn.ReLU())]
        inputs = 32
        for outputs, stride, dilation in _TRUNK:
            blocks.append(_separable(inputs, outputs, stride, dilation))
            inputs = outputs
        self.model = nn.Sequential(*blocks)
        self.cpm = _Features()
        plain = nn.Sequential(*(_conv(_WIDTH, _WIDTH) for _ in range(3)))
        self.initial_stage = _Stage(plain, 512)
        refining = [_RefinementBlock(_WIDTH + _MAPS + _PAFS)]
        refining += [_RefinementBlock(_WIDTH) for _ in range(4)]
        self.refinement_stages = nn.ModuleList([_Stage(nn.Sequential(*refining), _WIDTH)])

    def forward(self, x: Tensor) -> list[StageOutput]:
        """Predict confidence maps and PAFs, stage by stage.

        Parameters
        ----------
        x : (B, 3, H, W) float32
            Normalised frames; H and W multiples of 8.

        Returns
        -------
        list of ("confidence_maps", (B, 19, h, w)) and ("pafs", (B, 38, h, w))
        """
        features = self.cpm(self.model(x))
        maps, pafs = self.initial_stage(features)
        outputs: list[StageOutput] = [("confidence_maps", maps), ("pafs", pafs)]
        for stage in self.refinement_stages:
            maps, pafs = stage(torch.cat([features, maps, pafs], 1))
            outputs += [("confidence_maps", maps), ("pafs", pafs)]
        return outputs

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the last stage's confidence maps (B, 19, h, w) and PAFs (B, 38, h, w)."""
        last = dict(self.forward(x))
        return last["confidence_maps"], last["pafs"]
