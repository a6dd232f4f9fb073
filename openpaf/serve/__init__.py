"""A service on HTTP: a page to try openpaf in a browser, REST, and a live WebSocket."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openpaf.serve.app import create_app as create_app
    from openpaf.serve.config import ServeConfig as ServeConfig
    from openpaf.serve.models import Model as Model
    from openpaf.serve.models import open_models as open_models

# Imported when first used, so that who asks for help alone needs none of the web's libraries.
_HOMES = {"Model": "models", "ServeConfig": "config", "create_app": "app", "open_models": "models"}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
