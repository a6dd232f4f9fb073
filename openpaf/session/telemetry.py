"""Nothing that is done here is told to anybody: the telemetry of the runtimes, switched off.

ONNX Runtime, from 1.29 on, keeps a device id in the user's cache folder and, a few seconds after
the first session, looks up a server of its maker; both stay away unless the user says
ORT_DISABLE_TELEMETRY=0. OpenVINO makes an id in the home folder when it is imported together with
a package of its own for that, and does without where it does not find it.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

_SWITCH = "ORT_DISABLE_TELEMETRY"
_OPENVINO = "openvino_telemetry"


def switch_off() -> None:
    """Tell ONNX Runtime before it is imported, which is when it asks."""
    os.environ.setdefault(_SWITCH, "1")


def silenced(onnxruntime: ModuleType) -> None:
    """Tell it once more, for it may have been imported before."""
    if os.environ.get(_SWITCH) != "0":
        onnxruntime.disable_telemetry_events()


def import_openvino() -> Any:
    """Import OpenVINO as if its telemetry were not installed.

    Raises
    ------
    ImportError
        When OpenVINO is not.
    """
    hidden = _OPENVINO not in sys.modules
    if hidden:
        sys.modules[_OPENVINO] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if hidden:
            del sys.modules[_OPENVINO]
    return openvino
