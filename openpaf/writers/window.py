"""Annotated frames in a window."""

from __future__ import annotations

import os
import subprocess
import sys

from openpaf.errors import OutputError
from openpaf.optional import cv2
from openpaf.result import Result
from openpaf.writers.painter import Paint

_QUIT_KEYS = (ord("q"), 27)
_PROBE = "import cv2; cv2.namedWindow('probe'); cv2.waitKey(1)"


class Window:
    """Show results as they come; q, Esc or closing the window ends it.

    Parameters
    ----------
    title : str
    paint : Painter, or any function from a `Result` to a picture

    Raises
    ------
    OutputError
        When this machine has no display, or OpenCV was built without windows.

    Attributes
    ----------
    closed : bool
        The user has closed it.
    """

    def __init__(self, title: str, paint: Paint) -> None:
        problem = _problem()
        if problem is not None:
            raise OutputError(f"no window can be shown: {problem}")
        # The toolkit of OpenCV's wheels looks for fonts that they do not ship, and says so.
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
        self._title, self._paint = title, paint
        self.closed = False
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        cv2.namedWindow(title, flags)
        self._sized = False

    def write(self, result: Result) -> None:
        """Show a result, unless the window has been closed."""
        if self.closed:
            return
        drawing = self._paint(result)
        if not self._sized:
            self._sized = True
            cv2.resizeWindow(self._title, drawing.shape[1], drawing.shape[0])
        cv2.imshow(self._title, drawing)
        pressed = cv2.waitKey(1) & 0xFF
        gone = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        self.closed = pressed in _QUIT_KEYS or gone

    def close(self) -> None:
        """Take the window away."""
        self.closed = True
        cv2.destroyAllWindows()


def has_display() -> bool:
    """Whether there is a screen to show something on, as far as that can be told beforehand."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _problem() -> str | None:
    """Why no window can be shown, or None where one can.

    A window toolkit that finds no display ends the whole process, so a small one tries first.
    """
    if "GUI:                           NONE" in cv2.getBuildInformation():
        return (
            "this OpenCV has no windows; leave out --show, or pip uninstall "
            'opencv-python-headless, then pip install "openpaf[desktop]"'
        )
    if not has_display():
        return "there is no display here (DISPLAY is not set); leave out --show, or use --video"
    probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, check=False)
    if probe.returncode:
        return "the display cannot be used; leave out --show, or use --video"
    return None
