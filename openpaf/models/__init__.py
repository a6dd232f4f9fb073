"""What a model file is, by its card, and where it comes from: bundled, by name, or a path."""

from __future__ import annotations

from openpaf.models.calibration import Calibration
from openpaf.models.card import ModelCard
from openpaf.models.detector_card import DetectorCard
from openpaf.models.network_card import NetworkCard
from openpaf.models.parts_card import PartsCard
from openpaf.models.registry import SUFFIXES, find_model
from openpaf.models.window_card import WindowCard

__all__ = [
    "SUFFIXES",
    "Calibration",
    "DetectorCard",
    "ModelCard",
    "NetworkCard",
    "PartsCard",
    "WindowCard",
    "find_model",
]
