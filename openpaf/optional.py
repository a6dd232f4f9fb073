"""OpenCV, or one line that says how to get it: it comes with an extra, not with openpaf itself."""

from __future__ import annotations

from openpaf.errors import MissingExtraError

try:
    import cv2
except ModuleNotFoundError as error:
    raise MissingExtraError(
        'OpenCV is needed for this; install it with: pip install "openpaf[cpu]"'
    ) from error
except ImportError as error:
    # A desktop build on a machine without libGL or libxcb.
    raise MissingExtraError(
        f"OpenCV does not load here ({error}); on a machine without a display use the headless "
        "one: pip uninstall opencv-python, then pip install --force-reinstall --no-deps "
        "opencv-python-headless"
    ) from error

__all__ = ["cv2"]
