"""Fields in, people out: peaks, limbs, people, by our rules or by OpenPose's."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openpaf.decoder.config import DecoderConfig as DecoderConfig
    from openpaf.decoder.decoder import Decoder as Decoder
    from openpaf.decoder.decoder import decode as decode

# The options alone need no Numba, which takes most of a second to import.
_HOMES = {"Decoder": "decoder", "DecoderConfig": "config", "decode": "decoder"}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
