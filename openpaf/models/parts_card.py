"""What every network that finds parts says of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from openpaf.errors import ConfigError, shown
from openpaf.models.network_card import NetworkCard
from openpaf.skeleton import COCO_18, SKELETONS, Skeleton


@dataclass(frozen=True, kw_only=True)
class PartsCard(NetworkCard):
    """A `NetworkCard` with the parts that are found.

    Attributes
    ----------
    skeleton : Skeleton
        In a file: the name of a built-in one.

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    skeleton: Skeleton

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.skeleton, Skeleton):
            raise ConfigError(f"skeleton must be a Skeleton, got {shown(self.skeleton)}")

    def to_toml(self) -> str:
        """Card as a TOML file, what is as usual left out; `from_toml` reads it back.

        Raises
        ------
        ConfigError
            As `to_json`.
        """
        values = json.loads(self.to_json())
        usual = json.loads(json.dumps(asdict(type(self)(name="-", skeleton=COCO_18))))
        tables = {key: values.pop(key) for key in [*values] if isinstance(values[key], dict)}
        lines = _changed(values, usual)
        for key, table in tables.items():
            changed = _changed(table, usual[key])
            lines += ["", f"[{key}]", *changed] if changed else []
        return "\n".join(lines) + "\n"

    def _written(self) -> dict[str, Any]:
        if SKELETONS.get(self.skeleton.name) != self.skeleton:
            raise ConfigError(
                f"only built-in skeletons can be written, got {shown(self.skeleton.name)}; "
                "pass the card to the engine instead"
            )
        return {"skeleton": self.skeleton.name}

    @classmethod
    def _read(cls, values: dict[str, Any]) -> dict[str, Any]:
        skeleton = values["skeleton"]
        if not isinstance(skeleton, str) or skeleton not in SKELETONS:
            raise ConfigError(
                f"skeleton must be one of {', '.join(SKELETONS)}, got {shown(skeleton)}"
            )
        return {**super()._read(values), "skeleton": SKELETONS[skeleton]}


def _changed(values: dict[str, Any], usual: dict[str, Any]) -> list[str]:
    # Numbers, names and lists of them are written alike in JSON and TOML.
    return [f"{key} = {json.dumps(v)}" for key, v in values.items() if v != usual.get(key)]
