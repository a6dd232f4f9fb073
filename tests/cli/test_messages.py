"""Names that would have a terminal do something are shown instead."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from openpaf import cli
from openpaf.cli.messages import plain, warn
from tests.networks import write_nobody

_NAME = "net\x1b]0;owned\x07\x1b[31m\x9b2J\r\u202e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Füße 图片 🙂", "Füße 图片 🙂"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\x08\x7f\x9b", "a\\rb\\x08\\x7f\\x9b"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("not\udcffutf8", "not\\udcffutf8"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_messages_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    warn(f"{_NAME} does not exist")
    assert capsys.readouterr().err.rstrip("\n").isprintable()
    with pytest.raises(SystemExit):
        cli.main(["detect", f"{_NAME}.jpg"])
    assert capsys.readouterr().err.rstrip("\n").isprintable()


def test_the_log_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    capsys.readouterr()
    logging.getLogger("openpaf").warning("read %s", _NAME)
    assert capsys.readouterr().err.rstrip("\n").isprintable()


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A network whose card has a name that means harm."""
    onnx = pytest.importorskip("onnx")
    path = write_nobody(tmp_path / "net.onnx")
    model = onnx.load(path)
    card = json.loads(model.metadata_props[0].value) | {"name": _NAME}
    model.metadata_props[0].value = json.dumps(card)
    onnx.save(model, path)
    return path


def test_info_of_a_model_is_plain(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["info", "--model", str(hostile)])
    out, err = capsys.readouterr()
    assert "net\\x1b]0;owned" in out
    assert all(line.isprintable() for line in (out + err).splitlines())
