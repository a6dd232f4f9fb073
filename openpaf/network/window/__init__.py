"""Networks that look at the window of one person, each as its paper has it, made narrow."""

from __future__ import annotations

from openpaf.network.window.build import build_window_net
from openpaf.network.window.config import KINDS, WindowNetConfig
from openpaf.network.window.net import WindowNet

__all__ = ["KINDS", "WindowNet", "WindowNetConfig", "build_window_net"]
