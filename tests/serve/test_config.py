"""Settings that cannot work are refused where they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from openpaf import cli
from openpaf.errors import ConfigError
from openpaf.serve import ServeConfig


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"token": "short"}, "16 to 256"),
        ({"token": "has a space in it, as you see"}, "16 to 256"),
        ({"cors_origins": ("*",)}, "https://host"),
        ({"cors_origins": ("https://a.example/path",)}, "without a path"),
        ({"max_body": 0}, "max_body"),
        ({"max_batch": 0}, "max_batch"),
        ({"max_requests": 1.5}, "max_requests"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"batch_wait": 2}, "batch_wait"),
        ({"batch_wait": float("nan")}, "batch_wait"),
        ({"max_net_height": 10}, "max_net_height"),
        ({"max_connections": 0}, "max_connections"),
        ({"max_head": -1}, "max_head"),
        ({"max_headers": 0}, "max_headers"),
        ({"max_messages": 0}, "max_messages"),
        ({"max_settings": 0}, "max_settings"),
        ({"header_timeout": 0}, "header_timeout"),
        ({"write_timeout": float("inf")}, "write_timeout"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ServeConfig(**settings)


def test_a_token_is_not_shown_by_accident() -> None:
    assert "correct-horse" not in repr(ServeConfig(token="correct-horse-battery"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "70000"], "--port"),
        (["--host", "203.0.113.1"], "cannot listen on 203.0.113.1 port 8000"),
        (["--host", "no such host"], "cannot listen on"),
        (["--tls-cert", "cert.pem"], "go together"),
        (["--token", "short"], "16 to 256"),
        (["--port", "0", "--model", "nowhere.onnx"], "nowhere.onnx"),
        (["--batch-wait", "nan"], "batch_wait"),
        (["--max-pixels", "0"], "max_pixels"),
    ],
)
def test_the_command_line_says_it_in_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["serve", *words])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    from openpaf.serve.server import listen

    with listen("127.0.0.1", 0) as taken, pytest.raises(SystemExit) as stopped:
        cli.main(["serve", "--port", str(taken.getsockname()[1])])
    assert stopped.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_a_certificate_that_is_none(
    stand_ins: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cert.pem").write_text("nothing")
    words = ["serve", "--port", "0", "--model", str(tmp_path / "one.onnx")]
    words += ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "cert.pem")]
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert "cert.pem" in capsys.readouterr().err.splitlines()[-1]


def test_two_models_of_one_name_are_refused(stand_ins: dict[str, Any], tmp_path: Path) -> None:
    from openpaf.serve import open_models

    with pytest.raises(ConfigError, match="'one'"):
        open_models([tmp_path / "one.onnx", tmp_path / "one.onnx"])
