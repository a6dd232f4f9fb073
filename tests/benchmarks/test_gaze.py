"""Looking where people are: what the people of the last frame say, and the film it is tried on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
cv2 = pytest.importorskip("cv2")
from benchmarks import bench_gaze
from benchmarks.bench_gaze import gaze
from benchmarks.scenes import dots  # needs onnx
from benchmarks.scenes import zooms as bench_gaze_zooms
from benchmarks.scenes.zooms import zooms
from openpaf.looks import ONE, read_looks
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18
from tests.benchmarks.test_pipeline import annotated_folder

SIZE = (1280, 720)
ROUND = read_looks("0.5+1+1.5")


def people(*boxes: tuple[float, float, float, float]) -> Poses:
    """People whose parts lie along the diagonals of boxes."""
    corners = np.array(boxes, np.float32).reshape(-1, 2, 2)
    along = np.linspace(0, 1, 18, dtype=np.float32)[None, :, None]
    keypoints = corners[:, :1] * (1 - along) + corners[:, 1:] * along
    ones = np.ones(keypoints.shape[:2], np.float32)
    return Poses(keypoints, ones, ones[:, 0], COCO_18)


def test_nobody_known_and_now_and_then_everything_is_looked_at() -> None:
    assert gaze(None, 3, SIZE) == gaze(Poses.empty(COCO_18), 3, SIZE) == [(None, ROUND)]
    assert gaze(people((0, 0, 90, 300)), 16, SIZE) == [(None, ROUND)]


def test_who_fills_the_frame_is_looked_at_small_and_who_is_small_large() -> None:
    assert gaze(people((100, 50, 400, 700)), 3, SIZE) == [(None, read_looks("close"))]
    assert gaze(people((100, 50, 250, 400)), 3, SIZE) == [(None, ONE)]
    whole, (part, looks) = gaze(people((600, 300, 640, 400), (700, 310, 740, 400)), 3, SIZE)
    assert whole == (None, ONE) and looks == ONE
    x0, y0, x1, y1 = part or (0, 0, 0, 0)
    assert 0 <= x0 < 600 and 740 < x1 <= SIZE[0]
    assert 0 <= y0 < 300 and 400 < y1 <= SIZE[1]


def test_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The stand-in's person has two parts.
    monkeypatch.setattr(bench_gaze_zooms, "_LEAST_PARTS", 1)
    network = dots.save_network(tmp_path / "dots.onnx")
    out = tmp_path / "gaze.json"
    bench_gaze.main(
        annotated_folder(tmp_path), photographs=1, frames=4, video=None, model=str(network), out=out
    )
    rows = json.loads(out.read_text())["rows"]
    assert [row["looks"] for row in rows] == [*bench_gaze.FIXED, bench_gaze.GAZE]
    one = rows[0]
    assert one["cost"] == 1 and one["frames"] == 4 and 0 < one["people"] <= 4
    assert all(row["cost"] >= 1 for row in rows)


def test_labels_stay_on_the_people_while_the_camera_goes_near(tmp_path: Path) -> None:
    from openpaf.evaluate import read_folder

    (image,) = read_folder(annotated_folder(tmp_path)).images
    made = list(zooms([image], 5, (320, 240)))
    heights = [labels.boxes[0, 3] for _, labels in made]
    assert len(made) == 5 and heights == sorted(heights) and heights[-1] > 5 * heights[0]
    for _, labels in made:
        inside = labels.keypoints[labels.labelled]
        assert ((inside >= 0) & (inside < (320, 240))).all()
    assert len({labels.image_id for _, labels in made}) == 5
