"""Every form that is written, read back by a library that is not ours."""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from openpaf.errors import ConfigError, OutputError, RecordingError, SkeletonError
from openpaf.motion import Motion, Record, Scale
from openpaf.motion.archive import write_archive_angles
from openpaf.motion.facing import facings
from openpaf.motion.formats import angle_sink, open_sink, speed_table, write_all
from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.skeleton import BODY_25, Skeleton
from openpaf.writers import AngleWriter
from openpaf.writers.rows import Row, write_part
from tests.motion.walks import knee_angle, motion_of, record, walk

# 150 px are a metre; the origin is the frame's lower left corner.
SCALE = Scale(1 / 150, origin=(0, 720))
KNEE = BODY_25.index("left_knee")
HIDDEN = slice(40, 60)
MARKERS = (
    "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "Hip",
    "RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar",
    "LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel",
)  # fmt: skip


@pytest.fixture
def motion() -> Motion:
    """Two people; a knee of the first is hidden, the second comes later, leaves and comes back."""
    one, other = walk(120), walk(120, start=800, pace=-60)
    one[HIDDEN, KNEE] = np.nan
    records = [
        record(f, {1: one[f]} | ({5: other[f]} if f >= 30 and not 70 <= f < 80 else {}))
        for f in range(120)
    ]
    return Motion.of(records)


def metres(body: np.ndarray) -> np.ndarray:
    return np.stack([body[..., 0] / 150, (720 - body[..., 1]) / 150], axis=-1)


def test_trc_by_opensim(tmp_path: Path, motion: Motion) -> None:
    opensim = pytest.importorskip("opensim", reason="OpenSim's own reader is not installed")
    assert [p.name for p in motion.write(tmp_path / "walk.trc", scale=SCALE)] == [
        "walk_1.trc", "walk_5.trc",
    ]  # fmt: skip
    table = opensim.TimeSeriesTableVec3(str(tmp_path / "walk_1.trc"))
    assert tuple(table.getColumnLabels()) == MARKERS
    assert table.getTableMetaDataAsString("Units") == "m"
    assert table.getTableMetaDataAsString("DataRate") == "30"
    matrix = table.getMatrix()
    expected = metres(motion[1].keypoints)
    for row in (0, 50, 119):
        for k in (0, KNEE, 24):
            got = [matrix.getElt(row, k).get(axis) for axis in range(3)]
            nan = np.isnan(expected[row, k, 0])
            assert (
                np.isnan(got[0]) if nan else got == pytest.approx([*expected[row, k], 0], abs=1e-5)
            )
    later = opensim.TimeSeriesTableVec3(str(tmp_path / "walk_5.trc"))
    assert later.getNumRows() == 90
    assert later.getIndependentColumn()[0] == pytest.approx(1.0, abs=1e-6)
    assert np.isnan(later.getMatrix().getElt(45, 3).get(0))


def test_trc_by_pose2sim(tmp_path: Path, motion: Motion) -> None:
    common = pytest.importorskip("Pose2Sim.common", reason="Pose2Sim is not installed")
    motion.write(tmp_path / "walk.trc", scale=SCALE)
    names, values = common.extract_trc_data(str(tmp_path / "walk_1.trc"))
    assert tuple(names) == MARKERS and values.shape == (120, 76)
    assert values[:, 1:3] == pytest.approx(metres(motion[1].keypoints)[:, 0], abs=1e-5)
    q, frames, _, markers, _ = common.read_trc(str(tmp_path / "walk_1.trc"))
    assert q.shape == (120, 75) and len(frames) == 120 and tuple(markers) == MARKERS


def test_trc_by_pandas(tmp_path: Path, motion: Motion) -> None:
    pd = pytest.importorskip("pandas")
    motion.write(tmp_path / "walk.trc", scale=SCALE)
    table = pd.read_csv(tmp_path / "walk_1.trc", sep="\t", skiprows=5, header=None)
    assert table.shape == (120, 77)
    expected = metres(motion[1].keypoints)
    assert table[2 + 3 * KNEE].to_numpy() == pytest.approx(
        expected[:, KNEE, 0], abs=1e-5, nan_ok=True
    )


def test_trc_in_px(tmp_path: Path) -> None:
    motion_of(walk(30)).write(tmp_path / "walk_px.trc")
    lines = (tmp_path / "walk_px.trc").read_text().splitlines()
    assert lines[2].split("\t")[4] == "px" and lines[3].split("\t")[2::3][:25] == list(MARKERS)
    assert [float(cell) for cell in lines[6].split("\t")[2:4]] == pytest.approx(walk(30)[0, 0])


def test_mot_by_opensim(tmp_path: Path, motion: Motion) -> None:
    opensim = pytest.importorskip("opensim", reason="OpenSim's own reader is not installed")
    motion.write(tmp_path / "walk.mot")
    table = opensim.TimeSeriesTable(str(tmp_path / "walk_1.mot"))
    assert table.getTableMetaDataAsString("inDegrees") == "yes"
    labels = list(table.getColumnLabels())
    degrees = table.getMatrix().to_numpy().copy()
    knee = degrees[:, labels.index("left_knee")]
    assert np.isnan(knee[HIDDEN]).all()
    assert knee[:40] == pytest.approx(knee_angle(120)[:40], abs=1e-3)
    # Who walks to the left bends the knee in the same sense.
    # A matrix of OpenSim is only there as long as its table.
    table = opensim.TimeSeriesTable(str(tmp_path / "walk_5.mot"))
    other = table.getMatrix().to_numpy().copy()
    assert other[:30, labels.index("left_knee")] == pytest.approx(knee_angle(120)[30:60], abs=1e-3)


def test_mot_by_pandas(tmp_path: Path, motion: Motion) -> None:
    pd = pytest.importorskip("pandas")
    motion.write(tmp_path / "walk.mot")
    text = (tmp_path / "walk_1.mot").read_text()
    header, table = text.split("endheader\n")
    assert "nRows=120\nnColumns=25\ninDegrees=yes\n" in header
    knees = pd.read_csv(io.StringIO(table), sep="\t")["right_knee"].to_numpy()
    assert knees == pytest.approx(knee_angle(120, np.pi), abs=1e-3)


def test_c3d_by_the_python_reader(tmp_path: Path, motion: Motion) -> None:
    pytest.importorskip("ezc3d", reason="ezc3d, which writes C3D, is not installed")
    reader = pytest.importorskip("c3d", reason="the c3d package is not installed")
    motion.write(tmp_path / "walk.c3d", scale=SCALE)
    with (tmp_path / "walk_1.c3d").open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = reader.Reader(file)
        frames = [points for _, points, _ in opened.read_frames()]
    assert tuple(label.strip() for label in opened.point_labels) == BODY_25.parts
    assert (opened.point_rate, len(frames)) == (30.0, 120)
    points = np.array(frames)
    seen = motion[1].found
    assert points[seen][:, :2] == pytest.approx(metres(motion[1].keypoints)[seen], abs=1e-4)
    assert (points[seen][:, 3] >= 0).all() and (points[~seen][:, 3] < 0).all()


def test_c3d_is_not_for_hours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("ezc3d", reason="ezc3d, which writes C3D, is not installed")
    module = importlib.import_module("openpaf.motion.formats.c3d")
    monkeypatch.setattr(module, "MOST_FRAMES", 50)
    with pytest.raises(OutputError, match=r"50 frames at most; write \.trc"):
        motion_of(walk(60)).write(tmp_path / "long.c3d", scale=SCALE)
    assert not list(tmp_path.iterdir())


def test_bvh_by_bvhio(tmp_path: Path, motion: Motion) -> None:
    bvhio = pytest.importorskip("bvhio", reason="bvhio is not installed")
    motion.write(tmp_path / "walk.bvh", scale=SCALE)
    body = bvhio.readAsHierarchy(str(tmp_path / "walk_1.bvh"))
    expected = metres(motion[1].keypoints)
    for row in (0, 30, 100):
        body.loadPose(row)
        for bone, part in (
            ("trunk", "mid_hip"), ("head", "neck"), ("left_thigh", "left_hip"),
            ("left_shank", "left_knee"), ("left_foot", "left_ankle"),
            ("right_forearm", "right_elbow"), ("right_upper_arm", "right_shoulder"),
        ):  # fmt: skip
            got = body.filter(bone)[0].PositionWorld
            want = expected[row, BODY_25.index(part)]
            assert (got.x, got.y) == pytest.approx(tuple(want), abs=2e-3), (row, bone)
            assert got.z == pytest.approx(0, abs=1e-6)
    whole = bvhio.readAsBvh(str(tmp_path / "walk_1.bvh"))
    assert (whole.FrameCount, whole.FrameTime) == (120, pytest.approx(1 / 30, abs=1e-6))


def test_posetrack_by_pycocotools(tmp_path: Path, motion: Motion) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    motion.write(tmp_path / "walk.json")
    with contextlib.redirect_stdout(io.StringIO()):
        read = coco.COCO(str(tmp_path / "walk.json"))
    assert len(read.getImgIds()) == 120
    people = read.loadAnns(read.getAnnIds(imgIds=[50]))
    assert [person["track_id"] for person in people] == [1, 5]
    names = read.loadCats(1)[0]["keypoints"]
    flat = np.array(people[0]["keypoints"]).reshape(-1, 3)
    assert flat[names.index("left_knee")].tolist() == [0, 0, 0]
    ankle = motion[1]["left_ankle"][50]
    assert flat[names.index("left_ankle")] == pytest.approx([*ankle, 2], abs=1e-2)
    assert read.imgs[50]["width"] == 1280 and people[0]["num_keypoints"] == 15


def test_motchallenge_by_motmetrics(tmp_path: Path, motion: Motion) -> None:
    motmetrics = pytest.importorskip("motmetrics", reason="py-motmetrics is not installed")
    motion.write(tmp_path / "walk.txt")
    table = motmetrics.io.loadtxt(tmp_path / "walk.txt", fmt="mot15-2D")
    assert len(table.loc[1]) == 1 and len(table.loc[51]) == 2 and len(table.loc[76]) == 1
    box = table.loc[(51, 5)]
    x, y = np.nanmin(motion[5].keypoints[20], axis=0)
    # The reader counts px from 0, the form from 1.
    assert (box.X + 1, box.Y + 1) == pytest.approx((x, y), abs=0.01)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_by_pandas(tmp_path: Path, motion: Motion, kind: str) -> None:
    pd = pytest.importorskip("pandas")
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    read = pd.read_csv if kind == "csv" else pd.read_parquet
    motion.write(tmp_path / f"walk.{kind}")
    table = read(tmp_path / f"walk.{kind}")
    assert len(table) == 120 + 80 and list(table.columns[:4]) == ["frame", "time", "id", "nose_x"]
    one = table[table.id == 1]
    assert one.left_knee_x.to_numpy() == pytest.approx(
        motion[1]["left_knee"][:, 0], abs=1e-3, nan_ok=True
    )
    speeds, angles = tmp_path / f"speeds.{kind}", tmp_path / f"angles.{kind}"
    write_all([motion], [speed_table(speeds, SCALE), angle_sink(angles)])
    # 60 px/s are 0.4 m/s; beside a gap there is no speed.
    hips = read(speeds).mid_hip_m_s.to_numpy()
    assert hips[np.isfinite(hips)] == pytest.approx(0.4, abs=1e-3) and np.isnan(hips).sum() == 2
    found = read(angles)
    assert set(found[found.id == 1].facing) == {1} and set(found[found.id == 5].facing) == {-1}
    knees = found[found.id == 1].right_knee.to_numpy()
    assert knees == pytest.approx(knee_angle(120, np.pi), abs=0.01)


def test_openpose_folder_comes_back(tmp_path: Path, motion: Motion) -> None:
    motion.write(tmp_path / "walk")
    back = Motion.read(tmp_path / "walk")
    assert [trail.id for trail in back] == [1, 5]
    assert np.nanmax(np.abs(back[5].keypoints - motion[5].keypoints)) < 1e-3
    with pytest.raises(OutputError, match="is there already"):
        motion.write(tmp_path / "walk")


def test_what_cannot_be_written(tmp_path: Path, motion: Motion) -> None:
    with pytest.raises(ConfigError, match="is in metres: give .*--height"):
        motion.write(tmp_path / "walk.trc")
    with pytest.raises(ConfigError, match=r"must be a folder or one of \.ndjson"):
        motion.write(tmp_path / "walk.fbx")
    with pytest.raises(ConfigError, match=r"angles must go to \.csv"):
        angle_sink(tmp_path / "angles.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        motion.write(tmp_path / "file" / "walk.ndjson")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nobody_in_every_form(tmp_path: Path) -> None:
    nobody = Motion.of([record(f, {}) for f in range(5)])
    forms = ["a.ndjson", "a.csv", "a.trc", "a.mot", "a.bvh", "a.json", "a.txt", "folder"]
    written = nobody.write(*(tmp_path / form for form in forms), scale=SCALE)
    assert [path.name for path in written] == ["a.ndjson", "a.csv", "a.json", "a.txt", "folder"]
    assert json.loads((tmp_path / "a.json").read_text())["annotations"] == []


def test_scales() -> None:
    bar = Scale.of_bar((100, 500), (400, 500), 2.0)
    assert bar.metres_per_px == pytest.approx(2 / 300)
    floor = bar.with_floor((400, 530), (100, 500))
    # Level along the floor, up from it.
    assert floor.positions(np.array([[400, 530], [100, 500]]))[:, 1] == pytest.approx(0, abs=1e-9)
    assert floor.positions(np.array([250.0, 300.0]))[1] > 1
    assert floor.ways(np.array([30.0, 3.0])) == pytest.approx(
        [np.hypot(30, 3) * 2 / 300, 0], abs=1e-9
    )
    assert Scale.of_height([300.0, 310.0, 200.0], 1.8).metres_per_px == pytest.approx(0.006)
    for wrong in (
        lambda: Scale(0), lambda: Scale.of_bar((1, 1), (1, 1), 2), lambda: Scale.of_height([], 1.8),
        lambda: Scale.of_height([300.0], 180), lambda: bar.with_floor((1, 1), (1, 1)),
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            wrong()


def test_angles_as_run_writes_them(tmp_path: Path) -> None:
    frame = np.zeros((720, 1280, 3), np.uint8)
    writer = AngleWriter(tmp_path / "angles.csv")
    body, other = walk(30), walk(30, pace=-60)
    other[:, KNEE] = np.nan
    for f in range(30):
        one = record(f, {3: body[f], 4: other[f]} if f else {})
        writer.write(Result(one.poses, frame, one.frame, one.time))
    writer.close()
    rows = list(csv.DictReader((tmp_path / "angles.csv").open()))
    assert len(rows) == 58
    for row in rows:
        f = int(row["frame"])
        assert row["facing"] == ("1" if row["id"] == "3" else "-1")
        assert float(row["right_knee"]) == pytest.approx(knee_angle(30, np.pi)[f], abs=0.01)
        assert (row["left_knee"] == "") == (row["id"] == "4")


def test_who_hides_face_and_feet_faces_where_they_go() -> None:
    for pace, expected in ((60, 1), (-60, -1), (1, 0)):
        body = walk(60, pace=pace)
        for part in ("nose", "big_toe", "heel"):
            for k, name in enumerate(BODY_25.parts):
                if part in name:
                    body[:, k] = np.nan
        assert set(facings(motion_of(body)[1])) == {expected}


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_angles_of_an_archive(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    body = walk(4)
    rows = [Row(f"{f % 2}.jpg", f, None, record(f, {1: body[f]}).poses) for f in range(4)]
    poses = tmp_path / "poses"
    poses.mkdir()
    write_part(poses / f"0.{form}", rows, {})
    write_archive_angles(poses, tmp_path / "angles.csv")
    read = list(csv.DictReader((tmp_path / "angles.csv").open()))
    assert [row["source"] for row in read] == ["0.jpg", "1.jpg", "0.jpg", "1.jpg"]
    assert float(read[2]["left_knee"]) == pytest.approx(knee_angle(4)[2], abs=0.01)
    write_part(poses / f"0.{form}", [rows[0]._replace(poses=record(0, {}).poses)], {})
    with pytest.raises(RecordingError, match="nobody was found"):
        write_archive_angles(poses, tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()


def test_a_gap_over_blocks_is_a_gap(tmp_path: Path) -> None:
    body = walk(120)
    parts = [
        Motion.of([record(f, {1: body[f]} if f < 30 or f >= 90 else {}) for f in rows])
        for rows in (range(40), range(40, 80), range(80, 120))
    ]
    path = tmp_path / "walk.trc"
    write_all(parts, [open_sink(path, SCALE)])
    lines = path.read_text().splitlines()[6:]
    assert [int(line.split("\t")[0]) for line in lines] == list(range(1, 121))
    times = np.array([float(line.split("\t")[1]) for line in lines])
    assert times == pytest.approx(np.arange(120) / 30, abs=1e-4)


def test_a_skeleton_of_ones_own(tmp_path: Path) -> None:
    """Smoothed, written and read again; what is made of bodies alone says so."""
    snail = Skeleton("snail", ("shell", "left horn", "right horn"), ((0, 1), (0, 2)))
    records = []
    for f in range(60):
        keypoints = np.array([[[50 + f, 80], [40 + f, 60], [60 + f, 60]]], np.float32)
        scores = np.full((1, 3), 0.9, np.float32)
        if 20 <= f < 24:
            keypoints[0, 1], scores[0, 1] = np.nan, 0
        poses = Poses(keypoints, scores, scores.mean(1), snail, np.array([1]), (200, 100))
        records.append(Record(f, f / 30, poses))
    Motion.of(records).smooth()[0].write(tmp_path / "snail.ndjson")
    again = Motion.read(tmp_path / "snail.ndjson")
    assert again.skeleton == snail
    (path,) = again.write(tmp_path / "snail.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[22]["left horn_x"]) == pytest.approx(62, abs=0.5)
    for name, message in (("snail.bvh", "snail has no bone"), ("snail.mot", "snail has no angle")):
        with pytest.raises(SkeletonError, match=message):
            again.write(tmp_path / name)
