"""Which file an option means."""

from __future__ import annotations

from pathlib import Path

import pytest

from openpaf.errors import ConfigError
from openpaf.topdown.kept_network import Bundled

_EIGHT, _WHOLE = Path("default-int8.onnx"), Path("default.onnx")


def test_eight_bits_look_again_where_eight_bits_looked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openpaf_weights.__file__", str(tmp_path / "__init__.py"))
    bundled = Bundled("refine", "window.onnx", "window network")
    with pytest.raises(ConfigError, match="comes without a window network, so refine=True"):
        bundled.find(True, _EIGHT)
    (tmp_path / "window.onnx").touch()
    assert bundled.find(True, _EIGHT).name == "window.onnx"
    (tmp_path / "window-int8.onnx").touch()
    assert bundled.find(True, _EIGHT).name == "window-int8.onnx"
    assert bundled.find(True, _WHOLE).name == bundled.find(True).name == "window.onnx"
    (tmp_path / "mine.onnx").touch()
    assert bundled.find(tmp_path / "mine.onnx", _EIGHT).name == "mine.onnx"
