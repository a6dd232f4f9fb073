"""What every network that finds parts says of them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from openpaf.errors import ConfigError, shown
from openpaf.models.network_card import NetworkCard
from openpaf.skeleton import COCO_18, Skeleton
from openpaf.skeleton_table import skeleton_from, table_of

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class PartsCard(NetworkCard):
    """A `NetworkCard` with the parts that are found.

    Attributes
    ----------
    skeleton : Skeleton
        In a file: the name of a built-in one, or a table; in one written by hand, the name of a
        TOML file as well. See `openpaf.skeleton_table`.

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    skeleton: Skeleton

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.skeleton, str):
            object.__setattr__(self, "skeleton", skeleton_from(self.skeleton))
        if not isinstance(self.skeleton, Skeleton):
            raise ConfigError(
                f"skeleton must be a Skeleton or the name of one, got {shown(self.skeleton)}"
            )

    def to_toml(self) -> str:
        """Card as a TOML file, what is as usual left out; `from_toml` reads it back.

        Raises
        ------
        ConfigError
            As `to_json`.
        """
        values = json.loads(self.to_json())
        usual = json.loads(json.dumps(asdict(type(self)(name="-", skeleton=COCO_18))))
        return "\n".join(_lines(values, usual | {"skeleton": {}})) + "\n"

    def _written(self) -> dict[str, Any]:
        return {"skeleton": table_of(self.skeleton)}

    @classmethod
    def _read(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**super()._read(values), "skeleton": skeleton_from(values["skeleton"])}


def _lines(values: dict[str, Any], usual: dict[str, Any], place: str = "") -> list[str]:
    """What is not as usual as lines of TOML, tables last; `place` is the table they are in."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    lines = [f"{_key(key)} = {_toml(v)}" for key, v in plain.items() if v != usual.get(key)]
    for key in [key for key in values if key not in plain]:
        path = f"{place}{_key(key)}"
        inside = _lines(values[key], usual.get(key, {}), f"{path}.")
        lines += ["", f"[{path}]", *inside] if inside else []
    return lines


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _toml(key)


def _toml(value: Any) -> str:
    # Numbers, names and lists of them are written alike in JSON and TOML, but for escapes.
    return json.dumps(value, ensure_ascii=False)
