"""Networks that run: net frames in, `Fields` out, one small module a runtime."""

from __future__ import annotations

from openpaf.session.session import DEVICES, Session, open_session
from openpaf.session.telemetry import switch_off

switch_off()

__all__ = ["DEVICES", "Session", "open_session"]
