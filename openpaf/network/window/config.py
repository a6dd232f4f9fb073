"""Which window network, and how large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openpaf.errors import ConfigError
from openpaf.skeleton_table import skeleton_from, table_of

KINDS = {"cpm": 8, "hourglass": 4, "simple_baseline": 4, "mobilenet": 4, "deeppose": 0}
"""Kinds of window networks, and the window px a cell of their maps; 0 where there are no maps."""

_GRAIN = {"cpm": 8, "hourglass": 64, "simple_baseline": 32, "mobilenet": 8, "deeppose": 1}
_SMALLEST = 64
_RANGES = {
    "stages": (1, 8), "depth": (1, 5), "deconv": (1, 1024), "blocks": (5, 11), "residual": (0, 8),
}  # fmt: skip


@dataclass(frozen=True)
class WindowNetConfig:
    """Size of a window network.

    Attributes
    ----------
    kind : str
        "cpm" (convolutional pose machine), "hourglass" (stacked hourglass), "simple_baseline"
        (ResNet and deconvolutions), "mobilenet" (the backbone of the PAF networks and a
        deconvolution) or "deeppose" (cascade of regressors).
    head : str
        "maps", taught as maps, or "soft_argmax": the same maps, taught by their mean cell.
    width : float
        Channels, times those of the paper; the backbone of "mobilenet" has one width only.
    size : (width, height)
        Of the window, px.
    stages : int
        Of a CPM or a DeepPose cascade; stacks of an hourglass. A simple baseline has one.
    depth : int
        How often an hourglass halves its maps.
    layers : int
        18 or 34, of the ResNet of a simple baseline; 10 for one block a level, half of 18.
    deconv : int
        Channels of the deconvolutions, before `width`.
    blocks : int
        Of the backbone of "mobilenet", the first so many, 5 to 11; fewer see less far.
    residual : int
        Residual blocks behind that backbone.
    skeleton : str or dict
        Name of a built-in one, or what `openpaf.skeleton_table` says of another.
    """

    kind: str = "simple_baseline"
    head: str = "maps"
    width: float = 0.375
    size: tuple[int, int] = (192, 256)
    stages: int = 2
    depth: int = 4
    layers: int = 18
    deconv: int = 256
    blocks: int = 11
    residual: int = 2
    skeleton: str | dict[str, Any] = "COCO_17"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        heads = ("maps", "soft_argmax") if KINDS[self.kind] else ("maps",)
        if self.head not in heads:
            raise ConfigError(
                f"head of {self.kind} must be {' or '.join(heads)}, got {self.head!r}"
            )
        object.__setattr__(self, "skeleton", table_of(skeleton_from(self.skeleton)))
        if not 1 / 16 <= self.width <= 2:
            raise ConfigError(f"width must lie between 1/16 and 2, got {self.width}")
        grain = self.grain
        usable = [isinstance(s, int) and s >= _SMALLEST and s % grain == 0 for s in self.size]
        if len(usable) != 2 or not all(usable):
            raise ConfigError(
                f"size of {self.kind} must be (width, height), multiples of {grain} from "
                f"{_SMALLEST} up, got {self.size}"
            )
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ConfigError(
                    f"{name} must be a whole number from {least} to {most}, got {value!r}"
                )
        if self.layers not in (10, 18, 34):
            raise ConfigError(f"layers must be 10, 18 or 34, got {self.layers!r}")

    @property
    def grain(self) -> int:
        """What both sides of the window must be multiples of, px."""
        return 4 << self.depth if self.kind == "hourglass" else _GRAIN[self.kind]

    @property
    def stride(self) -> int:
        """Window px a cell of the maps; 0 where there are none."""
        return KINDS[self.kind]

    def channels(self, base: int) -> int:
        """Channels where the paper has `base`: a multiple of 4."""
        return max(4, 4 * round(base * self.width / 4))
