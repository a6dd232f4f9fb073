"""OpenCV, or one line that says how to get it: it comes with an extra, not with openpaf itself."""

from __future__ import annotations

from openpaf.errors import MissingExtraError

try:
    import cv2
except ImportError as error:
    raise MissingExtraError(
        f'OpenCV is needed for this ({error}); install it with: pip install "openpaf[cpu]"'
    ) from error

__all__ = ["cv2"]
