"""Which curves there are, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.angles import ANGLES, angle_names
from openpaf.errors import ConfigError
from openpaf.motion.facing import Facing, facings
from openpaf.motion.trail import Trail
from openpaf.skeleton import Skeleton

DEFAULT_CURVES = ("hip", "knee", "ankle", "elbow", "ankle.x", "wrist.y")
"""Those of them that a skeleton has."""

_SIDES = ("left", "right")
_QUANTITIES = {"x": "px", "y": "px", "speed": "px/s"}


@dataclass(frozen=True, eq=False)
class Curve:
    """One line: (T,) values, NaN in gaps, and (T,) whether they rest on filled keypoints."""

    name: str
    side: str
    values: NDArray[np.float64]
    filled: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Panel:
    """The curves that are drawn in one frame: left and right of one thing."""

    title: str
    unit: str
    curves: tuple[Curve, ...]
    downwards: bool = False


def panels_of(
    trail: Trail, names: Sequence[str] | None = None, facing: Facing = "auto"
) -> list[Panel]:
    """Make panels of a person.

    Parameters
    ----------
    trail : Trail
    names : sequence of str, optional
        Angles (`knee` for both sides, `left_knee` for one, `trunk`) and positions (`wrist.x`,
        `left_wrist.y`, `ankle.speed`); `DEFAULT_CURVES` when left out.
    facing : "auto", "left", "right" or "none"

    Raises
    ------
    ConfigError
        When there is no such angle or part.
    """
    if names is None:
        names = [name for name in DEFAULT_CURVES if _members(name, trail.skeleton)]
    sides = facings(trail, facing)
    return [_panel(name, trail, sides) for name in names]


def _panel(name: str, trail: Trail, sides: NDArray[np.float64]) -> Panel:
    members = _members(name, trail.skeleton)
    if not members:
        angles = ", ".join(dict.fromkeys(map(_sideless, angle_names(trail.skeleton))))
        raise ConfigError(
            f"there is no curve {name!r}; there are the angles {angles}, and PART.x, PART.y and "
            f"PART.speed of the parts of {trail.skeleton.name}"
        )
    part, _, quantity = name.partition(".")
    curves = tuple(_curve(member, quantity, trail, sides) for member in members)
    title = part.replace("_", " ") + (f" {quantity}" if quantity else "")
    return Panel(title, _QUANTITIES.get(quantity, "degrees"), curves, quantity == "y")


def _members(name: str, skeleton: Skeleton) -> list[str]:
    """Angles or parts that a name means: one, or left and right."""
    part, dot, quantity = name.partition(".")
    known = skeleton.parts if dot else angle_names(skeleton)
    if dot and quantity not in _QUANTITIES:
        return []
    return [one for one in (part, *(f"{side}_{part}" for side in _SIDES)) if one in known]


def _curve(member: str, quantity: str, trail: Trail, sides: NDArray[np.float64]) -> Curve:
    if quantity:
        at = trail[member]
        values = trail.speed(member) if quantity == "speed" else at[:, "xy".index(quantity)]
        parts: tuple[str, ...] = (member,)
    else:
        values = trail.angle(member, sides)
        parts = ANGLES[member].points
    places = [trail.skeleton.index(part) for part in parts if part in trail.skeleton.parts]
    filled = trail.filled[:, places].any(1) & np.isfinite(values)
    side = next((side for side in _SIDES if member.startswith(side)), "")
    return Curve(member.replace("_", " "), side, values, filled)


def _sideless(name: str) -> str:
    return name.removeprefix("left_").removeprefix("right_")
