"""Fixtures shared by all tests."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


# A shell that starts the tests in the background makes them ignore Ctrl-C, and every program they
# start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with golden vectors, models and photographs that are not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip("the shared folder with golden vectors and photographs is not beside the tree")
    return SHARED


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20170725)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs torch, so that `-m "not torch"` tests all that runs without it."""
    for item in items:
        if hasattr(getattr(item, "module", None), "torch"):
            item.add_marker("torch")
