"""Published checkpoints become ONNX files that an engine runs, proven against torch."""

from __future__ import annotations

from openpaf.convert.convert import Conversion, convert

__all__ = ["Conversion", "convert"]
