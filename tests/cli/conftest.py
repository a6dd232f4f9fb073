"""What all verbs have in common here."""

from __future__ import annotations

import threading

import pytest

import openpaf_kernels.cache
from openpaf.cli import kernels


@pytest.fixture(autouse=True)
def _nothing_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else verbs say on stderr that they compile, on the first run of the tests alone."""
    monkeypatch.setattr(openpaf_kernels.cache, "are_compiled", lambda: True)
    monkeypatch.setattr(kernels, "_compiled", threading.Event())
