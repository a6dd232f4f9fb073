"""The script that cuts labelled photographs out of a clone of their repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpaf.datasets.label_file import write_label_file
from openpaf.datasets.labels import PhotoLabels

SCRIPT = Path(__file__).resolve().parents[2] / "weights" / "labels" / "photographs.py"


def nobody(width: int, height: int) -> PhotoLabels:
    parts, boxes, none = np.empty((0, 17)), np.empty((0, 4)), np.empty(0)
    turns = np.empty(0, np.int64)
    keypoints = np.empty((0, 17, 2))
    return PhotoLabels(
        (width, height), keypoints, parts, parts, boxes, none, boxes, turns, boxes, none
    )


def test_photographs_are_found_by_what_git_calls_them(tmp_path: Path) -> None:
    if not SCRIPT.is_file():
        pytest.skip("the labels are not part of this tree")
    mirror, out = tmp_path / "mirror", tmp_path / "out"
    mirror.mkdir()

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(mirror), "-c", "user.name=x", "-c", "user.email=x@x", *words],
            stdout=subprocess.PIPE, check=True, text=True,
        ).stdout  # fmt: skip

    try:
        git("init", "-q")
    except OSError:
        pytest.skip("git is not installed")
    for name, value in (("a b.jpg", 10), ("000000000036.jpg", 200)):
        cv2.imwrite(str(mirror / name), np.full((60, 80, 3), value, np.uint8))
    git("add", ".")
    git("commit", "-qm", "x")
    blob = git("rev-parse", "HEAD:a b.jpg")[:14]
    labels = {f"{blob}.jpg": nobody(40, 30), "coco_000000000036.jpg": nobody(80, 60)}
    write_label_file(tmp_path / "x.npz", {**labels, "0123456789abcd.jpg": nobody(9, 9)}, {})
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, SCRIPT, tmp_path / "x.npz", mirror, out],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "2 photographs" in done.stdout and "1 not found 0123456789abcd" in done.stdout
    assert cv2.imread(str(out / f"{blob}.jpg")).shape == (30, 40, 3)
    assert cv2.imread(str(out / "coco_000000000036.jpg")).mean() > 190
