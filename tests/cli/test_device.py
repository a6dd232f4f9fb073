"""`--device` is refused by every verb in one line, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from openpaf import cli

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    "words",
    [
        ["detect", "photo.jpg", "--out", "out"],
        ["run", "video.avi", "--images", "out"],
        ["webcam"],
        ["batch", "in", "out"],
        ["bench"],
        ["val", "folder"],
        ["label", "in", "--out", "out"],
        ["serve", "--port", "0"],
        ["calibrate", "default", "folder"],
        ["train", "default", "--out", "out"],
        ["info"],
    ],
    ids=lambda words: words[0],
)
def test_a_device_that_is_none(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if words[0] == "train":
        pytest.importorskip("torch")
    if words[0] == "serve":
        pytest.importorskip("fastapi")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main([*words, "--device", "cuda:x"])
    assert stopped.value.code == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "with a number after cuda" in err and err.endswith("got 'cuda:x'\n")
    assert not [*tmp_path.iterdir()]
