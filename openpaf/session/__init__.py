"""Networks that run: a small module a runtime gives named arrays; `Fields` are made above it."""

from __future__ import annotations

from openpaf.session.runtime import Runtime
from openpaf.session.session import DEVICES, Session, open_runtime, open_session
from openpaf.session.telemetry import switch_off

switch_off()

__all__ = ["DEVICES", "Runtime", "Session", "open_runtime", "open_session"]
