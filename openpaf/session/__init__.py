"""Networks that run: a small module a runtime gives named arrays; `Fields` are made above it."""

from __future__ import annotations

from openpaf.session.device import DEVICES, Device, read_device
from openpaf.session.runtime import Runtime
from openpaf.session.session import Session, open_runtime, open_session
from openpaf.session.telemetry import switch_off

switch_off()

__all__ = [
    "DEVICES",
    "Device",
    "Runtime",
    "Session",
    "open_runtime",
    "open_session",
    "read_device",
]
