"""Passwords and tokens of urls are shown nowhere."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from openpaf.cli import main
from openpaf.errors import SourceError
from openpaf.sources import open_source, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:S3cret!pw@10.0.0.5:554/live", "rtsp://admin:***@10.0.0.5:554/live"),
        ("rtsp://admin:p@ss/w:rd@host/live", "rtsp://admin:***@host/live"),
        ("https://TOKEN@host/a", "https://***@host/a"),
        ("https://host/a?token=abc&x=1#k=2", "https://host/a?token=***&x=***#k=***"),
        ("http://host:8080/a", "http://host:8080/a"),
        ("http://host/a@b/c", "http://host/a@b/c"),
        ("http://host/plain", "http://host/plain"),
        ("folder/a?b=c@d.mp4", "folder/a?b=c@d.mp4"),
    ],
)
def test_secrets_are_replaced(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:S3cret@127.0.0.1:1/live",
        "http://admin:S3cret@127.0.0.1:1/a?token=S3cret",
        "nonsense://S3cret@x",
        "tcp://127.0.0.1:1?key=S3cret",
    ],
)
def test_errors_do_not_tell_them(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceError) as error:
        open_source(url)
    assert "S3cret" not in str(error.value) and error.value.__suppress_context__
    for debug in ([], ["--debug"]):
        with pytest.raises(SystemExit) as stopped:
            main(["run", url, "--ndjson", str(tmp_path / "r"), *debug])
        assert stopped.value.code == 2
        said = capsys.readouterr()
        assert "S3cret" not in said.out + said.err
    assert not (tmp_path / "r").exists()
    logging.getLogger("openpaf").setLevel(logging.WARNING)
