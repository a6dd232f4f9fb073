"""What a PAF network file takes and gives, as data.

Files that openpaf exports carry their card in their ONNX metadata, under `METADATA_KEY`. Any other
network is described by a `net.toml` beside `net.onnx`, or by a card passed to the engine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from openpaf.errors import ConfigError, shown
from openpaf.models.calibration import UNCALIBRATED, Calibration
from openpaf.records import check_keys, parse_json, read_toml
from openpaf.skeleton import COCO_18, SKELETONS, Skeleton

METADATA_KEY = "openpaf"
"""Name of the ONNX metadata property that holds a card as JSON."""

_MOST, _MOST_STRIDE = 1 << 16, 256

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
    calibration : Calibration
        How its fields are read; nothing is known where it is left out.

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
    calibration: Calibration = UNCALIBRATED

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in choices:
                raise ConfigError(
                    f"{key} must be {' or '.join(choices)}, got {shown(getattr(self, key))}"
                )
        for key in ("name", "confidence_maps", "pafs", "license", "training_data"):
            if not isinstance(getattr(self, key), str) or not getattr(self, key):
                raise ConfigError(f"{key} must be a name, got {shown(getattr(self, key))}")
        if not isinstance(self.skeleton, Skeleton):
            raise ConfigError(f"skeleton must be a Skeleton, got {shown(self.skeleton)}")
        if not isinstance(self.calibration, Calibration):
            raise ConfigError(f"calibration must be a Calibration, got {shown(self.calibration)}")
        _check_int("stride", self.stride, 1, _MOST_STRIDE)
        for key in ("confidence_channel", "paf_channel"):
            _check_int(key, getattr(self, key), 0, _MOST)
        _check_int("net_height", self.net_height, self.stride, _MOST)
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
                f"got {shown(self.paf_order)}"
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

    def to_toml(self) -> str:
        """Card as a TOML file, what is as usual left out; `from_toml` reads it back.

        Raises
        ------
        ConfigError
            As `to_json`.
        """
        values = json.loads(self.to_json())
        usual = json.loads(json.dumps(asdict(ModelCard(name="-", skeleton=COCO_18))))
        calibration, usual_one = values.pop("calibration"), usual.pop("calibration")
        lines = [f"{key} = {_toml(v)}" for key, v in values.items() if v != usual.get(key)]
        changed = [f"{key} = {_toml(v)}" for key, v in calibration.items() if v != usual_one[key]]
        return "\n".join(lines + (["", "[calibration]", *changed] if changed else [])) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "model card") -> ModelCard:
        """Read what `to_json` wrote.

        Raises
        ------
        ConfigError
            When it is not JSON, has an unknown key, lacks one, or a value cannot work.
        """
        return cls.from_mapping(parse_json(text, where), where)

    @classmethod
    def from_toml(cls, path: str | Path) -> ModelCard:
        """Read a card file: `key = value` lines, the keys of this class.

        Raises
        ------
        ConfigError
            When it cannot be read, is not TOML, has an unknown key, lacks one, or a value cannot
            work.
        """
        return cls.from_mapping(read_toml(path, "model card"), str(path))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "model card") -> ModelCard:
        """Make a card from plain values, the skeleton by name; `where` names them in errors.

        Raises
        ------
        ConfigError
            When a key is unknown or missing, or a value cannot work.
        """
        check_keys(values, where, {f.name for f in fields(cls)}, ("name", "skeleton"))
        skeleton = values["skeleton"]
        if not isinstance(skeleton, str) or skeleton not in SKELETONS:
            raise ConfigError(
                f"{where}: skeleton must be one of {', '.join(SKELETONS)}, got {shown(skeleton)}"
            )
        try:
            calibration = Calibration.from_mapping(values.get("calibration", {}), "calibration")
            return cls(**{**values, "skeleton": SKELETONS[skeleton], "calibration": calibration})
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error


def _toml(value: Any) -> str:
    # Numbers, names and lists of them are written alike in JSON and TOML.
    return json.dumps(value)


def _check_int(key: str, value: object, least: int, most: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= most:  # type: ignore[operator]
        raise ConfigError(
            f"{key} must be a whole number of at least {least} and at most {most}, "
            f"got {shown(value)}"
        )


def _one_or_three(key: str, value: Any) -> float | tuple[float, float, float]:
    values = value if isinstance(value, (tuple, list)) else [value]
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if not numbers or len(values) not in (1, 3):
        raise ConfigError(f"{key} must be one number or three, got {shown(value)}")
    try:
        floats = [float(v) for v in values]
    except OverflowError:
        floats = [math.inf]
    if not all(map(math.isfinite, floats)):
        raise ConfigError(f"{key} must be finite, got {shown(value)}")
    if len(floats) == 1:
        return floats[0]
    return floats[0], floats[1], floats[2]


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
