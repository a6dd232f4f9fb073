"""What recipes and checkpoints called things in version 0.1; read until 0.3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

FORMER_NAMES = {
    "front": "backbone",
    "front_is_teachers": "backbone_is_teachers",
    "trunk": "backbone_weights",
    "trunk_frozen": "backbone_frozen",
    "trunk_rate": "backbone_rate",
}


def with_names_of_today(
    values: Mapping[Any, Any], tell: Callable[[str, str], None] = lambda former, name: None
) -> dict[Any, Any]:
    """Options and weights under the names they have now, tables within tables too.

    Parameters
    ----------
    values : mapping
        A former name counts alone ("front") and before a dot ("front.conv1.weight"); where both it
        and today's are there, today's wins.
    tell : callable
        Called with each former name that is met, and what it is now.
    """
    renamed = {}
    for key, value in values.items():
        first, dot, rest = key.partition(".") if isinstance(key, str) else (key, "", "")
        # Parts of a skeleton may be called anything.
        if isinstance(value, dict) and key != "skeleton":
            value = with_names_of_today(value, tell)
        if first not in FORMER_NAMES:
            renamed[key] = value
            continue
        tell(first, FORMER_NAMES[first])
        name = FORMER_NAMES[first] + dot + rest
        if name not in values:
            renamed[name] = value
    return renamed
