"""The page about scale shows what its arithmetic and the committed measurements give."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_page_shows_what_the_arithmetic_gives() -> None:
    pytest.importorskip("torch", reason="counting a network's arithmetic needs torch")
    page = ROOT / "docs" / "scale.md"
    if not page.is_file():
        pytest.skip("the documentation is not part of the sdist")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    tables = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "scale.py")],
        env=environment, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    shown = page.read_text("utf-8")
    blocks = tables.split("\n\n")
    assert len(blocks) >= 7
    for block in blocks:
        assert block in shown, "run: python docs/scale.py --write"
