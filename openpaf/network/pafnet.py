"""The compact family: a front, PAF stages first, confidence maps refined on top of them.

The order is that of the PAMI 2021 paper (section 3): stage t of the PAFs sees the features and
the PAFs of stage t - 1; the confidence maps see the features, the last PAFs and their own previous
stage.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass

from torch import Tensor, nn

from openpaf.errors import ConfigError
from openpaf.network.backbones import FEATURES, MobileNetFront, Vgg19Front
from openpaf.network.stages import Stage, fold_batch_norms
from openpaf.skeleton import SKELETONS, Skeleton

StageOutput = tuple[str, Tensor]
""""pafs" or "confidence_maps", and the maps (N, C, h, w) that a stage predicts."""


@dataclass(frozen=True)
class NetworkConfig:
    """Size of a compact network.

    Attributes
    ----------
    front : "vgg19" or "mobilenet"
    width : float
        Width of the VGG-19 front; the MobileNet front has one width only.
    paf_stages, map_stages : int
        Number of PAF stages, then of confidence-map stages.
    stage_width, stage_blocks, stage_hidden : int
        Channels of a dense triple's convolutions, triples a stage, channels before the head.
    skeleton : str
        Name of a built-in skeleton.
    """

    front: str = "vgg19"
    width: float = 0.25
    paf_stages: int = 2
    map_stages: int = 1
    stage_width: int = 32
    stage_blocks: int = 5
    stage_hidden: int = 128
    skeleton: str = "COCO_18"

    def __post_init__(self) -> None:
        if self.front not in ("vgg19", "mobilenet"):
            raise ConfigError(f"front must be 'vgg19' or 'mobilenet', got {self.front!r}")
        if self.skeleton not in SKELETONS:
            raise ConfigError(
                f"skeleton must be one of {', '.join(SKELETONS)}, got {self.skeleton!r}"
            )
        if not 1 / 16 <= self.width <= 2:
            raise ConfigError(f"width must lie between 1/16 and 2, got {self.width}")
        for name in ("paf_stages", "map_stages", "stage_width", "stage_blocks", "stage_hidden"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a positive int, got {value!r}")

    def to_dict(self) -> dict[str, object]:
        """Plain values, for checkpoints and metadata."""
        return asdict(self)


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
        self.skeleton: Skeleton = SKELETONS[config.skeleton]
        paf_channels = 2 * len(self.skeleton.limbs)
        map_channels = len(self.skeleton.parts) + 1
        self.paf_channels = tuple((2 * i, 2 * i + 1) for i in range(len(self.skeleton.limbs)))
        self.front: Vgg19Front | MobileNetFront = (
            MobileNetFront() if config.front == "mobilenet" else Vgg19Front(config.width)
        )
        self.color, self.scale, self.offset = (
            self.front.color, self.front.scale, self.front.offset,
        )  # fmt: skip
        size = (config.stage_width, config.stage_blocks, config.stage_hidden)
        self.paf_stages = nn.ModuleList(
            Stage(FEATURES + (paf_channels if t else 0), *size, paf_channels)
            for t in range(config.paf_stages)
        )
        self.map_stages = nn.ModuleList(
            Stage(FEATURES + paf_channels + (map_channels if t else 0), *size, map_channels)
            for t in range(config.map_stages)
        )

    def stages(self, features: Tensor) -> list[StageOutput]:
        """Every stage's prediction from the front's features, in order.

        Parameters
        ----------
        features : (N, 128, h, w)

        Returns
        -------
        list of ("pafs", (N, 2L, h, w)) then ("confidence_maps", (N, K + 1, h, w))
        """
        outputs: list[StageOutput] = []
        pafs: list[Tensor] = []
        for stage in self.paf_stages:
            pafs = [stage(features, *pafs)]
            outputs.append(("pafs", pafs[0]))
        maps: list[Tensor] = []
        for stage in self.map_stages:
            maps = [stage(features, pafs[0], *maps)]
            outputs.append(("confidence_maps", maps[0]))
        return outputs

    def forward(self, x: Tensor) -> list[StageOutput]:
        """(N, 3, H, W) normalised, H and W multiples of 8, to every stage's prediction."""
        return self.stages(self.front(x))

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) normalised to confidence maps (N, K + 1, h, w) and PAFs (N, 2L, h, w)."""
        last = dict(self.forward(x))
        return last["confidence_maps"], last["pafs"]

    def folded(self) -> PafNet:
        """A copy for inference with every batch norm folded into its convolution."""
        net = copy.deepcopy(self).eval()
        fold_batch_norms(net)
        return net
