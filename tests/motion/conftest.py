"""Recordings of a walk that is known exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.motion.walks import motion_of, walk


@pytest.fixture
def body() -> NDArray[np.float64]:
    """Four seconds of a walk."""
    return walk(120)


@pytest.fixture
def walk_file(tmp_path: Path, body: NDArray[np.float64]) -> Path:
    """The same as NDJSON."""
    motion_of(body).write(tmp_path / "walk.ndjson")
    return tmp_path / "walk.ndjson"
