"""DeepPose: a regressor of all parts, then regressors that look closer at each.

Toshev & Szegedy, "DeepPose: Human Pose Estimation via Deep Neural Networks", 2014, section 3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openpaf.network.window.config import WindowNetConfig
from openpaf.network.window.net import WindowNet, start_small

_GRID = 6
_DROPOUT = 0.6
_SUB_WINDOW = 1.0
_SMALLEST = 0.1
_SUB_SIDE = 0.5


class Regressor(nn.Module):
    """The network of figure 2: five convolutions and two full layers of AlexNet, then 2K numbers.

    Batch norm stands where the paper normalises responses. The maps are brought to 6 x 6 cells
    before the full layers, as they are for the paper's 220 x 220 px, whatever the window's size.
    """

    def __init__(self, config: WindowNetConfig, outputs: int) -> None:
        super().__init__()
        a, b, c = (config.channels(n) for n in (96, 256, 384))
        full = config.channels(4096)
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, a, 11, 4, 2, bias=False), nn.BatchNorm2d(a), nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, padding=2, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU(inplace=True),
            nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU(inplace=True),
            nn.Conv2d(c, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.full = nn.Sequential(
            nn.Linear(b * _GRID**2, full), nn.ReLU(inplace=True), nn.Dropout(_DROPOUT),
            nn.Linear(full, full), nn.ReLU(inplace=True), nn.Dropout(_DROPOUT),
        )  # fmt: skip
        self.head = nn.Linear(full, outputs)
        start_small(self.head)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, outputs)."""
        maps = self.convolutions(x)
        cells = F.interpolate(maps, (_GRID, _GRID), mode="bilinear", align_corners=False)
        out: Tensor = self.head(self.full(cells.flatten(1)))
        return out


class DeepPose(WindowNet):
    """See the module: `stages - 1` cascade stages refine each part in a sub-window around it."""

    gives = "coordinates"

    def __init__(self, config: WindowNetConfig) -> None:
        super().__init__(config)
        self.first = Regressor(config, 2 * self.parts)
        self.cascade = nn.ModuleList(
            Regressor(config, 2 * self.parts) for _ in range(config.stages - 1)
        )
        names = self.skeleton.parts
        diagonals = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
        # Opposite shoulder and hip, as in the paper; the whole pose where a skeleton has neither.
        self.diagonals = [
            (names.index(a), names.index(b)) for a, b in diagonals if a in names and b in names
        ]

    def forward(self, x: Tensor) -> list[Tensor]:
        """One pose a stage; see `WindowNet.forward`."""
        poses = [self.first(x).reshape(-1, self.parts, 2)]
        for stage in self.cascade:
            # Gradients do not pass from one stage to the one before: each has its own task.
            poses.append(self._closer(x, poses[-1].detach(), stage))
        return poses

    def _closer(self, x: Tensor, pose: Tensor, stage: nn.Module) -> Tensor:
        """(N, K, 2) poses, each part moved by what is seen in a sub-window around it (eq. 7)."""
        side = _SUB_WINDOW * self.diameter(pose)
        width, height = self.config.size
        aspect = torch.tensor([1.0, width / height], dtype=x.dtype, device=x.device)
        # Side of each sub-window as a share of the window, across and down.
        extent = side[:, None] * aspect
        sub_width, sub_height = (max(int(_SUB_SIDE * s), 64) for s in (width, height))
        ticks = [
            (torch.arange(n, dtype=x.dtype, device=x.device) + 0.5) / n - 0.5
            for n in (sub_height, sub_width)
        ]
        down, across = torch.meshgrid(*ticks, indexing="ij")
        steps = torch.stack([across, down], dim=-1)
        grid = 2 * (pose[:, :, None, None] + extent[:, None, None, None] * steps)
        # All sub-windows of a person one below the other: one call that takes any batch.
        tall = F.grid_sample(
            x, grid.flatten(1, 2), mode="bilinear", padding_mode="zeros", align_corners=False
        )
        apart = tall.reshape(-1, 3, self.parts, sub_height, sub_width)
        moved = stage(apart.transpose(1, 2).flatten(0, 1))
        moved = moved.reshape(-1, self.parts, self.parts, 2)
        # The regressor of part k is asked about part k alone.
        own = moved.diagonal(dim1=1, dim2=2).transpose(1, 2)
        closer: Tensor = pose + extent[:, None] * own
        return closer

    def diameter(self, pose: Tensor) -> Tensor:
        """(N,) distance of opposite shoulder and hip, in shares of the window's width."""
        width, height = self.config.size
        pixels = pose * torch.tensor([1.0, height / width], dtype=pose.dtype, device=pose.device)
        if self.diagonals:
            pairs = [(pixels[:, a] - pixels[:, b]).norm(dim=1) for a, b in self.diagonals]
            apart = torch.stack(pairs).amax(dim=0)
        else:
            apart = (pixels.amax(dim=1) - pixels.amin(dim=1)).norm(dim=1)
        return apart.clamp(_SMALLEST, 1.0)

    def heads(self) -> list[nn.Module]:
        """The last full layer of every stage."""
        return [stage.head for stage in (self.first, *self.cascade) if isinstance(stage, Regressor)]
