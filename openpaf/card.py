"""The former place of model cards, now `openpaf.models`; it goes in the next version."""

from __future__ import annotations

import warnings

from openpaf.models.card import HUMAN_POSE_ESTIMATION_0001, METADATA_KEY, ModelCard, recognise

__all__ = ["HUMAN_POSE_ESTIMATION_0001", "METADATA_KEY", "ModelCard", "recognise"]

warnings.warn("openpaf.card is openpaf.models now", DeprecationWarning, stacklevel=2)
