"""Read a card of any kind: of a network that gives fields, looks at windows, or gives boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openpaf.errors import ConfigError, shown
from openpaf.models.card import ModelCard
from openpaf.models.detector_card import DetectorCard
from openpaf.models.network_card import NetworkCard, head_of
from openpaf.models.window_card import WindowCard
from openpaf.records import parse_json, read_toml
from openpaf.skeleton_table import with_skeleton_file

_KINDS: dict[str, type[NetworkCard]] = {
    kind.head: kind for kind in (ModelCard, WindowCard, DetectorCard)
}


def card_from_toml(path: str | Path) -> NetworkCard:
    """Card in a file.

    Raises
    ------
    ConfigError
        When it cannot be read, is no card, or a value cannot work.
    """
    return _card(_by_hand(Path(path)), str(path))


def card_beside(path: Path) -> NetworkCard | None:
    """Card in the `.toml` file of a network's name, which overrules what the network itself says.

    None where there is none. The recipe that a network was trained by often has that name too: it
    is no card, and what it trained describes itself.

    Raises
    ------
    ConfigError
        As `card_from_toml`.
    """
    beside = path.with_suffix(".toml")
    if not beside.is_file():
        return None
    values = _by_hand(beside)
    return None if "sets" in values else _card(values, str(beside))


def card_from_json(text: str, where: str) -> NetworkCard:
    """Card in a file's metadata.

    Raises
    ------
    ConfigError
        When it is no card, or a value cannot work.
    """
    return _card(parse_json(text, where), where)


def _by_hand(path: Path) -> dict[str, Any]:
    return with_skeleton_file(read_toml(path, "model card"), path.parent)


def _card(values: Any, where: str) -> NetworkCard:
    head = head_of(values)
    if not isinstance(head, str) or head not in _KINDS:
        raise ConfigError(
            f"{where}: head must be fields or window, got {shown(head)}; "
            "that of a detector is boxes"
        )
    return _KINDS[head].from_mapping(values, where)
