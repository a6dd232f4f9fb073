"""A service on HTTP: a page to try openpaf in a browser, REST, and a live WebSocket."""

from __future__ import annotations

from openpaf.serve.app import create_app
from openpaf.serve.config import ServeConfig
from openpaf.serve.models import Model, open_models

__all__ = ["Model", "ServeConfig", "create_app", "open_models"]
