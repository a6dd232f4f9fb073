"""Libraries that come with an extra, not with openpaf itself; or one line that says how to get one.

Each is imported when it is first asked for: `from openpaf.optional import cv2`.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from openpaf.errors import MissingExtraError

if TYPE_CHECKING:
    import av
    import cv2
    from PIL import Image

__all__ = ["Image", "av", "cv2"]

_MODULES = {"av": "av", "cv2": "cv2", "Image": "PIL.Image"}
_NAMES = {"av": "PyAV", "cv2": "OpenCV", "Image": "Pillow"}


def __getattr__(name: str) -> ModuleType:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return importlib.import_module(_MODULES[name])
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'{_NAMES[name]} is needed for this; install it with: pip install "openpaf[cpu]"'
        ) from error
    except ImportError as error:
        if name != "cv2":
            raise MissingExtraError(f"{_NAMES[name]} does not load here ({error})") from error
        # A desktop build on a machine without libGL or libxcb.
        raise MissingExtraError(
            f"OpenCV does not load here ({error}); on a machine without a display use the headless "
            "one: pip uninstall opencv-python, then pip install --force-reinstall --no-deps "
            "opencv-python-headless"
        ) from error
