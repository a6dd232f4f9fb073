"""`openpaf batch --hands`: rows hold hands, and a run goes on only with the same networks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import openpaf
from openpaf.batch import processes
from openpaf.errors import OutputError
from openpaf.skeleton import HAND_21
from tests.networks import write_window

pytest.importorskip("onnx")
from benchmarks.scenes import dots  # needs onnx
from tests.batch.conftest import Scene


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
def test_rows_hold_hands(scene: Scene, tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    arm = ("right_shoulder", "right_elbow", "right_wrist")
    scene.network = dots.save_network(tmp_path / "arm.onnx", arm)
    hand = write_window(tmp_path / "hand.onnx", HAND_21)
    scene.pictures("a.png", "b.png")
    job = scene.job(format=form, hands=str(hand))
    execute = partial(processes.execute, workers=1)
    scene.run(job, execute)
    for poses in openpaf.read(scene.output):
        number = "ab".index(str(poses.source)[0])
        wrist = scene.dots(number)[2]
        middle = poses.hands.keypoints[0, 1].mean(axis=0)
        np.testing.assert_allclose(middle, wrist, atol=3)
        assert "face" not in poses.part_sets
    with pytest.raises(OutputError, match="was made with .*hands"):
        scene.run(replace(job, hands=False), execute)
