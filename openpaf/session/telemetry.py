"""Nothing that is done here is told to anybody: ONNX Runtime's telemetry, switched off.

From 1.29 on it keeps a device id in the user's cache folder and, a few seconds after the first
session, looks up a server of its maker. Both stay away unless the user says
ORT_DISABLE_TELEMETRY=0.
"""

from __future__ import annotations

import os
from types import ModuleType

_SWITCH = "ORT_DISABLE_TELEMETRY"


def switch_off() -> None:
    """Tell ONNX Runtime before it is imported, which is when it asks."""
    os.environ.setdefault(_SWITCH, "1")


def silenced(onnxruntime: ModuleType) -> ModuleType:
    """Tell it once more, for it may have been imported before; gives it back."""
    if os.environ.get(_SWITCH) != "0":
        onnxruntime.disable_telemetry_events()
    return onnxruntime
