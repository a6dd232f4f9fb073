"""The compact family: a backbone, PAF stages first, confidence maps refined on top of them.

The order is that of the PAMI 2021 paper (section 3): the PAFs are refined first, the confidence
maps on top of the last PAFs. Every stage sees the features and the last prediction, and unlike in
the paper also the hidden channels it was made from. A stage that refines its own kind predicts the
correction: it need not learn to repeat what stands already.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from openpaf.errors import ConfigError
from openpaf.network.backbones import FEATURES, MobileNetBackbone, Vgg19Backbone
from openpaf.network.stages import Stage, fold_batch_norms
from openpaf.skeleton_table import skeleton_from, table_of

StageOutput = tuple[str, Tensor]
""""pafs" or "confidence_maps", and the maps (N, C, h, w) that a stage predicts."""


@dataclass(frozen=True)
class NetworkConfig:
    """Size of a compact network.

    Attributes
    ----------
    backbone : "vgg19" or "mobilenet"
    width : float
        Width of the VGG-19 backbone; the MobileNet backbone has one width only.
    paf_stages, map_stages : int
        Number of PAF stages, then of confidence-map stages.
    paf_width, paf_blocks : int
        Channels and number of the residual blocks of a PAF stage.
    map_width, map_blocks : int
        The same of a confidence-map stage.
    hidden : int
        Channels before the head of every stage.
    skeleton : str or dict
        Name of a built-in one, or what `openpaf.skeleton_table` says of another.
    """

    backbone: str = "vgg19"
    width: float = 0.25
    paf_stages: int = 1
    paf_width: int = 128
    paf_blocks: int = 3
    map_stages: int = 1
    map_width: int = 96
    map_blocks: int = 2
    hidden: int = 128
    skeleton: str | dict[str, Any] = "COCO_18"

    def __post_init__(self) -> None:
        if self.backbone not in ("vgg19", "mobilenet"):
            raise ConfigError(f"backbone must be 'vgg19' or 'mobilenet', got {self.backbone!r}")
        object.__setattr__(self, "skeleton", table_of(skeleton_from(self.skeleton)))
        if not 1 / 16 <= self.width <= 2:
            raise ConfigError(f"width must lie between 1/16 and 2, got {self.width}")
        for name in (
            "paf_stages", "paf_width", "paf_blocks",
            "map_stages", "map_width", "map_blocks", "hidden",
        ):  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a positive int, got {value!r}")


class PafNet(nn.Module):
    """A compact PAF network.

    Parameters
    ----------
    config : NetworkConfig
    """

    stride = 8
    background = True

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.skeleton = skeleton_from(config.skeleton)
        paf_channels = 2 * len(self.skeleton.limbs)
        map_channels = len(self.skeleton.parts) + 1
        self.paf_channels = tuple((2 * i, 2 * i + 1) for i in range(len(self.skeleton.limbs)))
        self.backbone: Vgg19Backbone | MobileNetBackbone = (
            MobileNetBackbone() if config.backbone == "mobilenet" else Vgg19Backbone(config.width)
        )
        self.color, self.scale, self.offset = (
            self.backbone.color, self.backbone.scale, self.backbone.offset,
        )  # fmt: skip
        seen = FEATURES + config.hidden  # by every stage but the first, beside predictions
        self.paf_stages = nn.ModuleList(
            Stage(
                seen + paf_channels if t else FEATURES, 1 if t else 3,
                config.paf_width, config.paf_blocks, config.hidden, paf_channels,
            )
            for t in range(config.paf_stages)
        )  # fmt: skip
        self.map_stages = nn.ModuleList(
            Stage(
                seen + paf_channels + (map_channels if t else 0), 1,
                config.map_width, config.map_blocks, config.hidden, map_channels,
            )
            for t in range(config.map_stages)
        )  # fmt: skip

    def stages(self, features: Tensor) -> list[StageOutput]:
        """Every stage's prediction from the backbone's features, in order.

        Parameters
        ----------
        features : (N, 128, h, w)

        Returns
        -------
        list of ("pafs", (N, 2L, h, w)) then ("confidence_maps", (N, K + 1, h, w))
        """
        outputs: list[StageOutput] = []
        first, *refining = self.paf_stages
        hidden, pafs = first(features)
        outputs.append(("pafs", pafs))
        for stage in refining:
            hidden, correction = stage(features, hidden, pafs)
            pafs = pafs + correction
            outputs.append(("pafs", pafs))
        first, *refining = self.map_stages
        hidden, maps = first(features, hidden, pafs)
        outputs.append(("confidence_maps", maps))
        for stage in refining:
            hidden, correction = stage(features, hidden, pafs, maps)
            maps = maps + correction
            outputs.append(("confidence_maps", maps))
        return outputs

    def forward(self, x: Tensor) -> list[StageOutput]:
        """(N, 3, H, W) normalised, H and W multiples of 8, to every stage's prediction."""
        return self.stages(self.backbone(x))

    def heads(self) -> list[nn.Module]:
        """The linear layers that predict, of every stage."""
        return [
            stage.head for stage in (*self.paf_stages, *self.map_stages) if isinstance(stage, Stage)
        ]

    def of_other_parts(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights for this network from one of its size that finds other parts.

        Everything that depends on the parts begins anew: heads, and what a stage makes of the
        predictions before it.

        Parameters
        ----------
        weights : mapping of str to Tensor
            The other's.
        """
        seen = FEATURES + self.config.hidden
        fitted = dict(weights)
        for name, own in self.state_dict().items():
            if ".head." in name:
                fitted[name] = own
            elif name in weights and name.endswith(".body.0.0.weight") and own.shape[1] > seen:
                kept, predictions = weights[name][:, :seen], own[:, seen:]
                if kept.shape == own[:, :seen].shape:
                    fitted[name] = torch.cat([kept, predictions.to(kept)], dim=1)
        return fitted

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) normalised to confidence maps (N, K + 1, h, w) and PAFs (N, 2L, h, w)."""
        last = dict(self.forward(x))
        return last["confidence_maps"], last["pafs"]

    def folded(self) -> PafNet:
        """A copy for inference with every batch norm folded into its convolution."""
        net = copy.deepcopy(self).eval()
        fold_batch_norms(net)
        return net
