"""What any network file takes, as data; what it gives is said by the cards made from this one."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from openpaf.errors import ConfigError, shown
from openpaf.records import check_keys, parse_json, read_toml
from openpaf.skeleton_table import with_skeleton_file

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of ImageNet's pixels, RGB, 0 to 255."""

MOST = 1 << 16
"""Largest whole number of a card."""

_CHOICES = {
    "input_layout": ("NHWC", "NCHW"),
    "input_dtype": ("uint8", "float32", "float16"),
    "colors": ("BGR", "RGB"),
}


@dataclass(frozen=True, kw_only=True)
class NetworkCard(ABC):
    """The input of a network, and whose it is; the defaults are those of files openpaf exports.

    Attributes
    ----------
    head : str
        What the network gives: "fields" of a whole frame, the parts of one person in a "window", or
        "boxes" around people.
    name : str
    input_layout, input_dtype, colors : str
        NHWC or NCHW; uint8, float32 or float16; BGR or RGB.
    scale, offset : float or (3,) tuple of float
        The network takes `pixel * scale + offset`, pixels 0 to 255; one value, or one a channel in
        the order of `colors`. 1 and 0 where the network does it itself.
    license, training_data : str

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    head: ClassVar[str] = ""

    name: str
    input_layout: str = "NHWC"
    input_dtype: str = "uint8"
    colors: str = "BGR"
    scale: float | tuple[float, float, float] = 1.0
    offset: float | tuple[float, float, float] = 0.0
    license: str = "unknown"
    training_data: str = "unknown"

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            check_choice(key, getattr(self, key), choices)
        for key in ("name", "license", "training_data"):
            check_name(key, getattr(self, key))
        for key in ("scale", "offset"):
            object.__setattr__(self, key, _one_or_three(key, getattr(self, key)))
        if self.input_dtype == "uint8" and (self.scale, self.offset) != (1.0, 0.0):
            raise ConfigError("scale and offset need input_dtype float32 or float16, got uint8")

    @property
    @abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that are wanted of a run."""

    @property
    @abstractmethod
    def input_size(self) -> tuple[int, int] | None:
        """(width, height) that the network is meant for, px; None where any will do."""

    @abstractmethod
    def fits(self, width: int, height: int) -> bool:
        """Whether an input of this size, px, can be the network's."""

    def to_json(self) -> str:
        """Card as JSON, for a file's metadata; `from_json` reads it back.

        Raises
        ------
        ConfigError
            When it holds what a file could not name.
        """
        return json.dumps(asdict(self) | self._written() | self._head_key())

    def _written(self) -> dict[str, Any]:
        """What a file says in other words than the record."""
        return {}

    def _head_key(self) -> dict[str, str]:
        return {"head": self.head}

    @classmethod
    def from_json(cls, text: str, where: str = "model card") -> Self:
        """Read what `to_json` wrote.

        Raises
        ------
        ConfigError
            When it is not JSON, has an unknown key, lacks one, or a value cannot work.
        """
        return cls.from_mapping(parse_json(text, where), where)

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a card file: `key = value` lines, the keys of this class.

        Raises
        ------
        ConfigError
            When it cannot be read, is not TOML, has an unknown key, lacks one, or a value cannot
            work.
        """
        values = with_skeleton_file(read_toml(path, "model card"), Path(path).parent)
        return cls.from_mapping(values, str(path))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "model card") -> Self:
        """Make a card from plain values; `where` names them in errors.

        Raises
        ------
        ConfigError
            When a key is unknown or missing, or a value cannot work, or the card describes a
            network of another kind.
        """
        check_head(values, where, cls.head)
        known = {f.name: f.default is MISSING for f in fields(cls)}
        required = [name for name, needed in known.items() if needed]
        check_keys(values, where, {*known, "head"}, required)
        values = {key: value for key, value in values.items() if key != "head"}
        try:
            return cls(**cls._read(values))
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error

    @classmethod
    def _read(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Undo `_written`."""
        return values


def scale_for(std: tuple[float, float, float]) -> tuple[float, float, float]:
    """`scale` of a network that takes (pixel - mean) / std, by channel."""
    return 1 / std[0], 1 / std[1], 1 / std[2]


def offset_for(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> tuple[float, float, float]:
    """`offset` of a network that takes (pixel - mean) / std, by channel."""
    return -mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]


def head_of(values: Any) -> Any:
    """Which head a card's plain values describe; cards older than the key describe fields."""
    return values.get("head", "fields") if isinstance(values, Mapping) else "fields"


def check_head(values: Any, where: str, wanted: str) -> None:
    """Refuse the card of another kind of network.

    Raises
    ------
    ConfigError
        When it is one.
    """
    if head_of(values) != wanted:
        raise ConfigError(
            f"{where} describes a network with the head {shown(head_of(values))}, where one with "
            f"the head {wanted!r} is needed; one that looks at windows refines people: give it to "
            "refine=, or --refine; one that gives boxes is for --detector of openpaf label"
        )


def check_choice(key: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of a few words.

    Raises
    ------
    ConfigError
        When it is not.
    """
    if value not in choices:
        raise ConfigError(f"{key} must be {' or '.join(choices)}, got {shown(value)}")


def check_name(key: str, value: object) -> None:
    """Refuse a name that is empty or no text.

    Raises
    ------
    ConfigError
        When it is.
    """
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{key} must be a name, got {shown(value)}")


def check_int(key: str, value: object, least: int, most: int = MOST) -> None:
    """Refuse what is not a whole number from `least` to `most`.

    Raises
    ------
    ConfigError
        When it is not.
    """
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


def check_size(key: str, value: Any) -> None:
    """Refuse what is not the (width, height) of a network's input, px.

    Raises
    ------
    ConfigError
        When it is not.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ConfigError(f"{key} must be (width, height) in px, got {shown(value)}")
    for side in value:
        check_int(f"a side of {key}", side, 8)
