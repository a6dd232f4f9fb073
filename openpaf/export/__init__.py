"""How a model file is made: torch to ONNX, the proof that the two agree, and smaller copies."""

from __future__ import annotations

from openpaf.session.telemetry import switch_off

switch_off()
