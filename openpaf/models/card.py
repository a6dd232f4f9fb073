"""What a PAF network file takes and gives, as data.

Files that openpaf exports carry their card in their ONNX metadata, under `METADATA_KEY`. Any other
network is described by a `net.toml` beside `net.onnx`, or by a card passed to the engine.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from openpaf.errors import ConfigError
from openpaf.skeleton import COCO_18, SKELETONS, Skeleton

METADATA_KEY = "openpaf"
"""Name of the ONNX metadata property that holds a card as JSON."""

_CHOICES = {
    "input_layout": ("NHWC", "NCHW"),
    "input_dtype": ("uint8", "float32", "float16"),
    "colors": ("BGR", "RGB"),
    "output_layout": ("NHWC", "NCHW"),
}


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Describe a network file; the defaults are the layout of files that openpaf exports.

    Attributes
    ----------
    name : str
    skeleton : Skeleton
        In a file: the name of a built-in one.
    stride : int
        Net-input px a cell of the fields.
    input_layout, input_dtype, colors : str
        NHWC or NCHW; uint8, float32 or float16; BGR or RGB.
    scale, offset : float or (3,) tuple of float
        The network takes `pixel * scale + offset`, pixels 0 to 255; one value, or one a channel in
        the order of `colors`. 1 and 0 where the network does it itself.
    output_layout : str
        NCHW or NHWC, of both outputs.
    confidence_maps, pafs : str
        Names of the outputs; the same name twice for one combined output.
    confidence_channel, paf_channel : int
        Where the K confidence maps and the 2L PAF channels begin in their output. A background
        map before or after the others is left out by this.
    paf_order : "limbs", "published" or (2L,) tuple of int
        The skeleton's limb order, x then y; the order of its published models
        (`Skeleton.paf_channels`); or, for each channel in limb order, its place after
        `paf_channel`.
    net_height : int
        Height of the network input this network works best at, px.
    license, training_data : str

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    name: str
    skeleton: Skeleton
    stride: int = 8
    input_layout: str = "NHWC"
    input_dtype: str = "uint8"
    colors: str = "BGR"
    scale: float | tuple[float, float, float] = 1.0
    offset: float | tuple[float, float, float] = 0.0
    output_layout: str = "NCHW"
    confidence_maps: str = "confidence_maps"
    confidence_channel: int = 0
    pafs: str = "pafs"
    paf_channel: int = 0
    paf_order: str | tuple[int, ...] = "limbs"
    net_height: int = 368
    license: str = "unknown"
    training_data: str = "unknown"

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in choices:
                raise ConfigError(
                    f"{key} must be {' or '.join(choices)}, got {getattr(self, key)!r}"
                )
        for key in ("name", "confidence_maps", "pafs", "license", "training_data"):
            if not isinstance(getattr(self, key), str) or not getattr(self, key):
                raise ConfigError(f"{key} must be a name, got {getattr(self, key)!r}")
        if not isinstance(self.skeleton, Skeleton):
            raise ConfigError(f"skeleton must be a Skeleton, got {self.skeleton!r}")
        for key, least in {"stride": 1, "confidence_channel": 0, "paf_channel": 0}.items():
            _check_int(key, getattr(self, key), least)
        _check_int("net_height", self.net_height, self.stride)
        for key in ("scale", "offset"):
            object.__setattr__(self, key, _one_or_three(key, getattr(self, key)))
        if self.input_dtype == "uint8" and (self.scale, self.offset) != (1.0, 0.0):
            raise ConfigError("scale and offset need input_dtype float32 or float16, got uint8")
        if isinstance(self.paf_order, list):
            object.__setattr__(self, "paf_order", tuple(self.paf_order))
        self._check_paf_order()

    def _check_paf_order(self) -> None:
        if self.paf_order in ("limbs", "published"):
            return
        channels = 2 * len(self.skeleton.limbs)
        order = self.paf_order
        whole = isinstance(order, tuple) and all(isinstance(channel, int) for channel in order)
        if not whole or sorted(order) != list(range(channels)):
            raise ConfigError(
                f"paf_order must be limbs, published, or 0..{channels - 1} once each, "
                f"got {self.paf_order!r}"
            )

    @property
    def confidence_channels(self) -> slice:
        """Channels of the K confidence maps in their output."""
        return slice(self.confidence_channel, self.confidence_channel + len(self.skeleton.parts))

    @property
    def paf_channels(self) -> slice | list[int]:
        """Channels of the 2L PAFs in their output, limb order; a slice where they are in order."""
        first, count = self.paf_channel, 2 * len(self.skeleton.limbs)
        if self.paf_order == "limbs":
            order = list(range(count))
        elif self.paf_order == "published":
            order = [channel for pair in self.skeleton.paf_channels for channel in pair]
        else:
            order = [int(channel) for channel in self.paf_order]
        if order == list(range(count)):
            return slice(first, first + count)
        return [first + channel for channel in order]

    def to_json(self) -> str:
        """Card as JSON, for a file's metadata; `from_json` reads it back.

        Raises
        ------
        ConfigError
            When the skeleton is not a built-in one, which a file could not name.
        """
        if SKELETONS.get(self.skeleton.name) != self.skeleton:
            raise ConfigError(
                f"only built-in skeletons can be written, got {self.skeleton.name!r}; "
                "pass the card to the engine instead"
            )
        return json.dumps(asdict(self) | {"skeleton": self.skeleton.name})

    @classmethod
    def from_json(cls, text: str, where: str = "model card") -> ModelCard:
        """Read what `to_json` wrote.

        Raises
        ------
        ConfigError
            When it is not JSON, has an unknown key, lacks one, or a value cannot work.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{where} is not JSON: {error}") from error
        return cls.from_mapping(values, where)

    @classmethod
    def from_toml(cls, path: str | Path) -> ModelCard:
        """Read a card file: `key = value` lines, the keys of this class.

        Raises
        ------
        ConfigError
            When it cannot be read, is not TOML, has an unknown key, lacks one, or a value cannot
            work.
        """
        try:
            values = tomllib.loads(Path(path).read_text("utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path} is not a model card that can be read: {error}") from error
        return cls.from_mapping(values, str(path))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "model card") -> ModelCard:
        """Make a card from plain values, the skeleton by name; `where` names them in errors.

        Raises
        ------
        ConfigError
            When a key is unknown or missing, or a value cannot work.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where} must be a table of keys and values, got {values!r}")
        known = {f.name for f in fields(cls)}
        unknown = sorted(map(str, values.keys() - known))
        if unknown:
            raise ConfigError(
                f"{where} has an unknown key {', '.join(unknown)}; "
                f"known are {', '.join(sorted(known))}"
            )
        missing = sorted({"name", "skeleton"} - values.keys())
        if missing:
            raise ConfigError(f"{where} lacks {' and '.join(missing)}")
        skeleton = values["skeleton"]
        if not isinstance(skeleton, str) or skeleton not in SKELETONS:
            raise ConfigError(
                f"{where}: skeleton must be one of {', '.join(SKELETONS)}, got {skeleton!r}"
            )
        try:
            return cls(**{**values, "skeleton": SKELETONS[skeleton]})
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error


def _check_int(key: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{key} must be a whole number of at least {least}, got {value!r}")


def _one_or_three(key: str, value: Any) -> float | tuple[float, float, float]:
    values = value if isinstance(value, (tuple, list)) else [value]
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if not numbers or len(values) not in (1, 3):
        raise ConfigError(f"{key} must be one number or three, got {value!r}")
    if not all(map(math.isfinite, values)):
        raise ConfigError(f"{key} must be finite, got {value!r}")
    if len(values) == 1:
        return float(values[0])
    return float(values[0]), float(values[1]), float(values[2])


HUMAN_POSE_ESTIMATION_0001 = ModelCard(
    name="human-pose-estimation-0001",
    skeleton=COCO_18,
    input_layout="NCHW",
    input_dtype="float32",
    confidence_maps="Mconv7_stage2_L2",
    pafs="Mconv7_stage2_L1",
    paf_order="published",
    license="Apache-2.0",
    training_data="COCO 2017 keypoints",
)
"""The Open Model Zoo's lightweight OpenPose; its files say what they are by output names only."""

BUILT_IN = (HUMAN_POSE_ESTIMATION_0001,)


def recognise(output_names: Collection[str]) -> ModelCard | None:
    """Card of a well-known network that has these outputs, or None."""
    for card in BUILT_IN:
        if {card.confidence_maps, card.pafs} <= set(output_names):
            return card
    return None
