"""Pictures and pages of curves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpaf.errors import ConfigError
from openpaf.motion import Motion
from openpaf.motion.plot import panels_of, write_page, write_picture
from openpaf.skeleton import BODY_25
from tests.motion.walks import knee_angle, motion_of, walk


@pytest.fixture
def motion() -> Motion:
    """A knee is hidden shortly and is filled, later for long and stays missing."""
    body = walk(120)
    body[30:36, BODY_25.index("left_knee")] = np.nan
    body[60:90, BODY_25.index("left_knee")] = np.nan
    return motion_of(body, walk(120, start=800, pace=-40)).smooth()[0]


def test_what_a_panel_holds(motion: Motion) -> None:
    knee, wrist, trunk, speed = panels_of(
        motion[1], ["knee", "left_wrist.y", "trunk", "mid_hip.speed"]
    )
    left, right = knee.curves
    assert (left.side, right.side, knee.unit) == ("left", "right", "degrees")
    assert left.filled[30:36].all() and left.filled.sum() == 6 and not right.filled.any()
    assert np.isnan(left.values[62:88]).all()
    assert right.values[10:110] == pytest.approx(knee_angle(120, np.pi)[10:110], abs=1)
    assert (wrist.downwards, wrist.unit, len(trunk.curves)) == (True, "px", 1)
    assert speed.curves[0].values[20:100] == pytest.approx(60, abs=1)
    for wrong in ("neckle", "knee.z", "trunk.x"):
        with pytest.raises(ConfigError, match=f"no curve '{wrong}'; there are the angles ankle"):
            panels_of(motion[1], [wrong])


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_pictures(tmp_path: Path, motion: Motion, kind: str) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    path = tmp_path / f"curves.{kind}"
    write_picture(path, panels_of(motion[1], ["knee", "wrist.x"]), motion[1].times, "person 1")
    if kind == "png":
        picture = cv2.imread(str(path))
        assert picture is not None and picture.shape[1] == 1200
        # Both sides' colours and the grey of the gap are there.
        colors = {tuple(color) for color in picture.reshape(-1, 3)[:, ::-1].tolist()}
        assert {(31, 119, 208), (232, 89, 12)} <= colors
    else:
        assert path.read_bytes().startswith(b"<?xml" if kind == "svg" else b"%PDF")


def test_page_holds_everything(tmp_path: Path, motion: Motion) -> None:
    (tmp_path / "my video.mp4").write_bytes(b"")
    path = tmp_path / "pages" / "a<b.html"
    panels = {trail.id: panels_of(trail) for trail in motion}
    write_page(path, motion, panels, tmp_path / "my video.mp4")
    text = path.read_text()
    assert "<title>a&lt;b</title>" in text and "{{" not in text
    assert not re.search(r"https?://", text)
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert data["video"] == "../my%20video.mp4" and data["size"] == [1280, 720]
    assert len(data["times"]) == 120 and [one["id"] for one in data["people"]] == [1, 2]
    knee = next(one for one in data["people"][0]["panels"] if one["title"] == "knee")
    assert knee["curves"][0]["filled"] == list(range(30, 36))
    assert knee["curves"][0]["values"][70] is None and len(knee["gaps"]) == 1
    assert len(data["limbs"]) == len(data["limbColors"]) == 24


def test_page_of_hours_is_refused(
    tmp_path: Path, motion: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openpaf.motion.plot.page.MOST_FRAMES", 100)
    with pytest.raises(ConfigError, match="--start and --end"):
        write_page(tmp_path / "a.html", motion, {})
