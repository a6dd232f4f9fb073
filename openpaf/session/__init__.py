"""Networks that run: net frames in, `Fields` out, one small module a runtime."""

from __future__ import annotations

from openpaf.session.session import DEVICES, Session, open_session

__all__ = ["DEVICES", "Session", "open_session"]
