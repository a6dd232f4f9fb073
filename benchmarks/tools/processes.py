"""Python in processes of its own, which find the modules that this one finds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.tools.places import ROOT


def environment(**more: str) -> dict[str, str]:
    """This process's variables for another Python, some of them given anew."""
    places = [ROOT, *(Path(place).resolve() for place in sys.path if place)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, places))} | more


def printed_by(code: str, *words: str, **more: str) -> str:
    """What code prints that is run with arguments and environment variables."""
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, env=environment(**more), check=True, stdout=subprocess.PIPE, text=True
    ).stdout
