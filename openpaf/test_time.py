"""The former name of `openpaf.looks`; it goes in the next version."""

from __future__ import annotations

import warnings

from openpaf.looks import averaged_fields, mean_fields, mirrored, resampled

__all__ = ["averaged_fields", "mean_fields", "mirrored", "resampled"]

warnings.warn("openpaf.test_time is openpaf.looks now", DeprecationWarning, stacklevel=2)
