"""The four network layouts CMU published, layer for layer.

Every layer carries the name it has in the published Caffe files, so that loading a checkpoint is
matching keys. Section 2.2 of Cao et al., CVPR 2017 (two branches: COCO, MPI), section 3.1 of Cao et
al., PAMI 2019 (PAFs first, then confidence maps: BODY_25).

Beware of the branch names: L1 is the PAF branch in COCO and MPI, the confidence-map branch in
BODY_25. No network ends in an activation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from openpaf.errors import ConfigError
from openpaf.network.pafnet import StageOutput
from openpaf.skeleton import BODY_25, COCO_18, MPI_15, Skeleton

_BACKBONE = (
    ("conv1_1", 3, 64), ("conv1_2", 64, 64), "pool",
    ("conv2_1", 64, 128), ("conv2_2", 128, 128), "pool",
    ("conv3_1", 128, 256), ("conv3_2", 256, 256), ("conv3_3", 256, 256), ("conv3_4", 256, 256),
    "pool",
    ("conv4_1", 256, 512), ("conv4_2", 512, 512), ("conv4_3_CPM", 512, 256),
    ("conv4_4_CPM", 256, 128),
)  # fmt: skip
_FEATURES = 128


class PublishedNetwork(nn.Module):
    """What the published layouts share: the VGG-19 backbone and the conventions of the input.

    Attributes
    ----------
    stride : int
        Net-input pixels a field cell.
    scale, offset : tuple of 3 float
        Normalised input = colour-ordered pixel value * scale + offset, channel by channel.
    color : str
        Colour order of the input, "bgr" or "rgb".
    background : bool
        The last confidence map is the background.
    paf_channels : tuple of (int, int)
        x and y channel of each limb of `skeleton` in the raw PAF output.
    """

    stride = 8
    scale = (1 / 256, 1 / 256, 1 / 256)
    offset = (-0.5, -0.5, -0.5)
    color = "bgr"
    background = True

    def __init__(self, skeleton: Skeleton, prelu_layers: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.skeleton = skeleton
        self.paf_channels = skeleton.paf_channels
        self.maps = len(skeleton.parts) + 1
        self.pafs = 2 * len(skeleton.limbs)
        for layer in _BACKBONE:
            if not isinstance(layer, str):
                name, inputs, outputs = layer
                self._add(name, inputs, outputs, 3, prelu=name in prelu_layers)

    def _add(
        self, name: str, inputs: int, outputs: int, kernel: int, *, prelu: bool = False
    ) -> None:
        self.add_module(name, nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))
        if prelu:
            self.add_module(_prelu(name), nn.PReLU(outputs))

    def _conv(self, name: str, x: Tensor) -> Tensor:
        convolved: Tensor = self.get_submodule(name)(x)
        return convolved

    def _step(self, name: str, x: Tensor) -> Tensor:
        """One convolution and its activation: the PReLU named after it, else a ReLU."""
        x = self._conv(name, x)
        prelu = self._modules.get(_prelu(name))
        return functional.relu(x) if prelu is None else prelu(x)

    def _features(self, x: Tensor) -> Tensor:
        for layer in _BACKBONE:
            # Caffe rounds pooled sizes up; it makes no difference where sides are multiples of 8.
            x = functional.max_pool2d(x, 2) if isinstance(layer, str) else self._step(layer[0], x)
        return x

    def forward(self, x: Tensor) -> list[StageOutput]:
        """Predict PAFs and confidence maps, stage by stage.

        Parameters
        ----------
        x : (B, 3, H, W) float32
            Normalised frames; H and W multiples of 8.

        Returns
        -------
        list of ("pafs", (B, 2L, h, w)) and ("confidence_maps", (B, K + 1, h, w))
            In the order they are computed; the last of each kind is the prediction.
        """
        raise NotImplementedError

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the confidence maps and PAFs of the last stage, in published channel order.

        Parameters
        ----------
        x : (B, 3, H, W) float32
            Normalised frames; H and W multiples of 8.

        Returns
        -------
        confidence_maps : (B, K + 1, h, w) float32
            The last map is the background.
        pafs : (B, 2L, h, w) float32
        """
        last = dict(self.forward(x))
        return last["confidence_maps"], last["pafs"]


def _prelu(convolution: str) -> str:
    return convolution.replace("conv", "prelu")


class TwoBranchNetwork(PublishedNetwork):
    """The COCO and MPI layouts: every stage refines PAFs (L1) and confidence maps (L2) together."""

    def __init__(self, skeleton: Skeleton, stages: int) -> None:
        super().__init__(skeleton)
        self.stages = stages
        for branch, outputs in (("L1", self.pafs), ("L2", self.maps)):
            for i in (1, 2, 3):
                self._add(f"conv5_{i}_CPM_{branch}", _FEATURES, 128, 3)
            self._add(f"conv5_4_CPM_{branch}", 128, 512, 1)
            self._add(f"conv5_5_CPM_{branch}", 512, outputs, 1)
            for stage in range(2, stages + 1):
                inputs = self.pafs + self.maps + _FEATURES
                for i in (1, 2, 3, 4, 5):
                    name = f"Mconv{i}_stage{stage}_{branch}"
                    self._add(name, inputs if i == 1 else 128, 128, 7)
                self._add(f"Mconv6_stage{stage}_{branch}", 128, 128, 1)
                self._add(f"Mconv7_stage{stage}_{branch}", 128, outputs, 1)

    def _branch(self, x: Tensor, prefix: str, suffix: str, layers: int) -> Tensor:
        for i in range(1, layers):
            x = self._step(f"{prefix}{i}_{suffix}", x)
        return self._conv(f"{prefix}{layers}_{suffix}", x)

    def forward(self, x: Tensor) -> list[StageOutput]:
        """Predict as `PublishedNetwork.forward` says, PAFs and confidence maps by turns."""
        features = self._features(x)
        pafs = self._branch(features, "conv5_", "CPM_L1", 5)
        maps = self._branch(features, "conv5_", "CPM_L2", 5)
        predictions = [("pafs", pafs), ("confidence_maps", maps)]
        for stage in range(2, self.stages + 1):
            x = torch.cat([pafs, maps, features], 1)
            pafs = self._branch(x, "Mconv", f"stage{stage}_L1", 7)
            maps = self._branch(x, "Mconv", f"stage{stage}_L2", 7)
            predictions += [("pafs", pafs), ("confidence_maps", maps)]
        return predictions


class Body25Network(PublishedNetwork):
    """The BODY_25 layout: four PAF stages (L2), then two confidence-map stages (L1).

    A 7x7 convolution of the older layouts is here a triple of 3x3 ones whose outputs are all kept.
    """

    def __init__(self) -> None:
        super().__init__(BODY_25, prelu_layers=("conv4_2", "conv4_3_CPM", "conv4_4_CPM"))
        pafs, maps = self.pafs, self.maps
        self._add_stage("stage0_L2", _FEATURES, 96, 256, pafs)
        for stage in (1, 2, 3):
            self._add_stage(f"stage{stage}_L2", _FEATURES + pafs, 128, 512, pafs)
        self._add_stage("stage0_L1", _FEATURES + pafs, 96, 256, maps)
        self._add_stage("stage1_L1", _FEATURES + maps + pafs, 128, 512, maps)

    def _add_stage(self, stage: str, inputs: int, width: int, hidden: int, outputs: int) -> None:
        for i in (1, 2, 3, 4, 5):
            for j in (0, 1, 2):
                self._add(f"Mconv{i}_{stage}_{j}", inputs, width, 3, prelu=True)
                inputs = width
            inputs = 3 * width
        self._add(f"Mconv6_{stage}", 3 * width, hidden, 1, prelu=True)
        self._add(f"Mconv7_{stage}", hidden, outputs, 1)

    def _stage(self, stage: str, x: Tensor) -> Tensor:
        for i in (1, 2, 3, 4, 5):
            first = self._step(f"Mconv{i}_{stage}_0", x)
            second = self._step(f"Mconv{i}_{stage}_1", first)
            third = self._step(f"Mconv{i}_{stage}_2", second)
            x = torch.cat([first, second, third], 1)
        return self._conv(f"Mconv7_{stage}", self._step(f"Mconv6_{stage}", x))

    def forward(self, x: Tensor) -> list[StageOutput]:
        """Predict as `PublishedNetwork.forward` says, all PAFs before the confidence maps."""
        features = self._features(x)
        pafs = self._stage("stage0_L2", features)
        predictions = [("pafs", pafs)]
        for stage in (1, 2, 3):
            pafs = self._stage(f"stage{stage}_L2", torch.cat([features, pafs], 1))
            predictions.append(("pafs", pafs))
        first = self._stage("stage0_L1", torch.cat([features, pafs], 1))
        maps = self._stage("stage1_L1", torch.cat([features, first, pafs], 1))
        return [*predictions, ("confidence_maps", first), ("confidence_maps", maps)]


LAYOUTS: dict[str, Callable[[], PublishedNetwork]] = {
    "vgg19-body25": Body25Network,
    "vgg19-coco": lambda: TwoBranchNetwork(COCO_18, 6),
    "vgg19-mpi": lambda: TwoBranchNetwork(MPI_15, 6),
    "vgg19-mpi-4": lambda: TwoBranchNetwork(MPI_15, 4),
}
"""A constructor for every published layout, by name."""


def published_network(layout: str) -> PublishedNetwork:
    """Build a published layout, weights not yet loaded.

    Parameters
    ----------
    layout : str
        One of `LAYOUTS`.

    Raises
    ------
    ConfigError
        When there is no such layout.
    """
    if layout not in LAYOUTS:
        raise ConfigError(f"no published layout {layout!r}; there are {', '.join(LAYOUTS)}")
    return LAYOUTS[layout]().eval()
