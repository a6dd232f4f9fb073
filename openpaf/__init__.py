"""Realtime multi-person pose: a frame goes in, the skeletons of everyone in it come out."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from openpaf import skeleton as skeleton
    from openpaf.decoder import Decoder as Decoder
    from openpaf.decoder import DecoderConfig as DecoderConfig
    from openpaf.decoder import decode as decode
    from openpaf.default_engine import detect as detect
    from openpaf.drawing import DrawConfig as DrawConfig
    from openpaf.drawing import draw as draw
    from openpaf.engine import Engine as Engine
    from openpaf.errors import OpenPafError as OpenPafError
    from openpaf.fields import Fields as Fields
    from openpaf.models import ModelCard as ModelCard
    from openpaf.motion import Motion as Motion
    from openpaf.motion.readers import read as read
    from openpaf.person import Keypoint as Keypoint
    from openpaf.person import Person as Person
    from openpaf.poses import Poses as Poses
    from openpaf.skeleton import Skeleton as Skeleton

# Where each public name lives. Modules are imported when a name of theirs is first used, so that
# `import openpaf` costs next to nothing.
_HOMES = {
    "Decoder": "decoder",
    "DecoderConfig": "decoder",
    "DrawConfig": "drawing",
    "Engine": "engine",
    "Fields": "fields",
    "Keypoint": "person",
    "ModelCard": "models",
    "Motion": "motion",
    "OpenPafError": "errors",
    "Person": "person",
    "Poses": "poses",
    "Skeleton": "skeleton",
    "decode": "decoder",
    "detect": "default_engine",
    "draw": "drawing",
    "read": "motion.readers",
}

__all__ = list(_HOMES) + ["__version__", "skeleton"]

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in ("errors", "skeleton"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
