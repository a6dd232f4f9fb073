"""A skeleton as files say it, everything by name: in TOML files, recipes, cards and checkpoints.

name = "crane"
parts = ["foot", "top", "hook", "left_arm", "right_arm"]
limbs = [["foot", "top"], ["top", "hook"], ["top", "left_arm"], ["top", "right_arm"]]
pairs = [["left_arm", "right_arm"]]    # names with left and right pair by themselves

[sigmas]                               # those left out are 0.072, or COCO's of a person's parts
hook = 0.05
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from openpaf.errors import ConfigError, SkeletonError, shown
from openpaf.part_names import pairs_by_name, sigma_by_name
from openpaf.records import check_keys, read_toml
from openpaf.skeleton import SKELETONS, Skeleton, is_built_in

MOST_PARTS, MOST_LIMBS = 256, 512
_LONGEST_NAME = 64
# Of a card, which has to hold it beside everything else: see `records`.
_MOST_BYTES = 14_000
_KEYS = ("name", "parts", "limbs", "pairs", "sigmas")


def read_skeleton(path: str | Path) -> Skeleton:
    """Skeleton in a TOML file.

    Raises
    ------
    ConfigError
        When it cannot be read, or a value cannot work; the message says which and why.
    """
    return skeleton_from(read_toml(path, "skeleton"), str(path))


def with_skeleton_file(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same values, the skeleton read where `skeleton` names a TOML file.

    Parameters
    ----------
    values : mapping
        Of a file that somebody wrote by hand.
    folder : Path
        Of that file.

    Raises
    ------
    ConfigError
        As `read_skeleton`.
    """
    named = values.get("skeleton")
    if not isinstance(named, str) or not named.endswith(".toml"):
        return dict(values)
    return {**values, "skeleton": read_skeleton(folder / named)}


def skeleton_from(value: Any, where: str = "skeleton") -> Skeleton:
    """The skeleton that a value means: one, the name of a built-in one, or a table.

    Parameters
    ----------
    value : Skeleton, str or mapping
    where : str
        What errors call it.

    Raises
    ------
    ConfigError
        When it means none, or a value of the table cannot work.
    """
    if isinstance(value, Skeleton):
        return value
    if isinstance(value, Mapping):
        return _from_table(value, where)
    if not isinstance(value, str) or value not in SKELETONS:
        raise ConfigError(
            f"{where} must be one of {', '.join(SKELETONS)}, a .toml file, or a table of parts and "
            f"limbs, got {shown(value)}"
        )
    return SKELETONS[value]


@lru_cache(maxsize=16)
def table_of(skeleton: Skeleton) -> str | dict[str, Any]:
    """What a file says of a skeleton: the name of a built-in one, of any other everything.

    It is kept for the next who asks, and not to be changed.

    Raises
    ------
    ConfigError
        When `skeleton_from` could not make it from that.
    """
    if is_built_in(skeleton):
        return skeleton.name
    parts = skeleton.parts

    def named(pairs: Sequence[tuple[int, int]]) -> list[list[str]]:
        return [[parts[a], parts[b]] for a, b in pairs]

    table: dict[str, Any] = {
        "name": skeleton.name,
        "parts": list(parts),
        "limbs": named(skeleton.limbs),
    }
    if skeleton.pairs != pairs_by_name(parts):
        table["pairs"] = named(skeleton.pairs)
    both = zip(parts, skeleton.sigmas, strict=True)
    sigmas = {part: sigma for part, sigma in both if sigma != sigma_by_name(part)}
    if sigmas:
        table["sigmas"] = sigmas
    if skeleton_from(table, skeleton.name) != skeleton:
        raise ConfigError(
            f"{skeleton.name} has redundant limbs, or PAF channels in an order of its own, and no "
            "file says that of a skeleton that is not built in; pass the card to the engine instead"
        )
    return table


def _from_table(table: Mapping[str, Any], where: str) -> Skeleton:
    check_keys(table, where, _KEYS, ("name", "parts", "limbs"))
    name = _name(table["name"], f"{where}: name")
    parts = _parts(table["parts"], where)
    limbs = _limbs(table["limbs"], parts, where)
    try:
        skeleton = Skeleton(
            name,
            parts,
            limbs,
            pairs=_pairs(table.get("pairs", []), parts, where),
            sigmas=_sigmas(table.get("sigmas", {}), parts, where),
        )
    except SkeletonError as error:
        raise ConfigError(f"{where}: {error}") from error
    if SKELETONS.get(name, skeleton) != skeleton:
        raise ConfigError(f"{where}: {name} is the name of a built-in skeleton; take another")
    size = len(json.dumps(dict(table)))
    if size > _MOST_BYTES:
        raise ConfigError(
            f"{where} is {size:,} bytes long, more than the {_MOST_BYTES:,} that a model can "
            "carry; take shorter names or fewer parts"
        )
    return skeleton


def _parts(value: Any, where: str) -> tuple[str, ...]:
    entries = _list(value, f"{where}: parts", 2, MOST_PARTS)
    parts = [_name(entry, f"{where}: parts, entry {n}") for n, entry in enumerate(entries, 1)]
    for n, part in enumerate(parts):
        if part in parts[:n]:
            raise ConfigError(f"{where}: parts names {part} twice")
    return tuple(parts)


def _limbs(value: Any, parts: tuple[str, ...], where: str) -> tuple[tuple[int, int], ...]:
    entries = _list(value, f"{where}: limbs", 1, MOST_LIMBS)
    limbs: list[tuple[int, int]] = []
    for n, entry in enumerate(entries, 1):
        a, b = _two_parts(entry, parts, f"{where}: limbs, entry {n}")
        if (a, b) in limbs or (b, a) in limbs:
            raise ConfigError(f"{where}: limbs joins {parts[a]} and {parts[b]} twice")
        limbs.append((a, b))
    reached = _reached(limbs)
    lost = [part for k, part in enumerate(parts) if k not in reached]
    if lost:
        raise ConfigError(
            f"{where}: limbs do not lead from {parts[limbs[0][0]]} to {_some(lost)}: a body is put "
            "together along them, so add limbs until they connect all parts"
        )
    return tuple(limbs)


def _reached(limbs: list[tuple[int, int]]) -> set[int]:
    """Parts that limbs connect with the first."""
    reached = {limbs[0][0]}
    while more := {k for limb in limbs if reached & {*limb} for k in limb} - reached:
        reached |= more
    return reached


def _pairs(value: Any, parts: tuple[str, ...], where: str) -> tuple[tuple[int, int], ...]:
    entries = _list(value, f"{where}: pairs", 0, MOST_PARTS)
    pairs: list[tuple[int, int]] = []
    taken: set[int] = set()
    for n, entry in enumerate(entries, 1):
        pair = _two_parts(entry, parts, f"{where}: pairs, entry {n}")
        if twice := taken & {*pair}:
            raise ConfigError(f"{where}: pairs names {parts[twice.pop()]} twice")
        taken |= {*pair}
        pairs.append(pair)
    return tuple(sorted(pairs + [p for p in pairs_by_name(parts) if not taken & {*p}]))


def _sigmas(value: Any, parts: tuple[str, ...], where: str) -> tuple[float, ...]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: sigmas must be a table of parts, got {shown(value)}")
    for part, sigma in value.items():
        _index(part, parts, f"{where}: sigmas")
        number = isinstance(sigma, int | float) and not isinstance(sigma, bool)
        if not number or not 0 < sigma <= 1:
            raise ConfigError(
                f"{where}: sigmas: {part} must be above 0 and at most 1, got {shown(sigma)}"
            )
    return tuple(float(value.get(part, sigma_by_name(part))) for part in parts)


def _two_parts(entry: Any, parts: tuple[str, ...], where: str) -> tuple[int, int]:
    if not isinstance(entry, list | tuple) or len(entry) != 2:
        raise ConfigError(f"{where} must be two parts, got {shown(entry)}")
    a, b = (_index(part, parts, where) for part in entry)
    if a == b:
        raise ConfigError(f"{where} must be two different parts, got {parts[a]} twice")
    return a, b


def _index(part: Any, parts: tuple[str, ...], where: str) -> int:
    if isinstance(part, str) and part in parts:
        return parts.index(part)
    close = difflib.get_close_matches(part, parts, n=1) if isinstance(part, str) else []
    hint = f"did you mean {close[0]}?" if close else f"parts are {_some(parts)}"
    raise ConfigError(f"{where} names {shown(part)}, which is no part; {hint}")


def _list(value: Any, where: str, least: int, most: int) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where} must be a list, got {shown(value)}")
    if not least <= len(value) <= most:
        raise ConfigError(f"{where} must have {least} to {most} entries, got {len(value)}")
    return value


def _name(value: Any, where: str) -> str:
    usable = isinstance(value, str) and value.strip() == value and value.isprintable()
    if not usable or not 0 < len(value) <= _LONGEST_NAME:
        raise ConfigError(
            f"{where} must be a name of 1 to {_LONGEST_NAME} printable characters, got "
            f"{shown(value)}"
        )
    return str(value)


def _some(names: Collection[str]) -> str:
    """The first few of them."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join([*names][:5]) + more
