"""Where things lie in the checkout."""

from __future__ import annotations

from pathlib import Path

from openpaf import __version__

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / __version__
"""Of this version."""
