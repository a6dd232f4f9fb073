"""A folder whose people are known through a network that knows them: figures, report, page."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("pycocotools")

from openpaf.decoder.config import DecoderConfig
from openpaf.errors import DatasetError
from openpaf.evaluate import (
    KINDS,
    Report,
    compare_reports,
    evaluate,
    evaluate_folder,
    read_folder,
    write_page,
)
from openpaf.evaluate.failure_pictures import _limbs
from openpaf.fields import Fields
from openpaf.looks import ONE
from openpaf.models import Calibration
from openpaf.models.card import ModelCard
from openpaf.skeleton import COCO_17, COCO_18, Skeleton

# Somebody standing, in units of their height.
STANDING = {
    "nose": (0, 0.06), "left_eye": (0.03, 0.03), "right_eye": (-0.03, 0.03),
    "left_ear": (0.06, 0.06), "right_ear": (-0.06, 0.06), "left_shoulder": (0.13, 0.2),
    "right_shoulder": (-0.13, 0.2), "left_elbow": (0.18, 0.36), "right_elbow": (-0.18, 0.36),
    "left_wrist": (0.2, 0.5), "right_wrist": (-0.2, 0.5), "left_hip": (0.09, 0.52),
    "right_hip": (-0.09, 0.52), "left_knee": (0.1, 0.75), "right_knee": (-0.1, 0.75),
    "left_ankle": (0.1, 0.97), "right_ankle": (-0.1, 0.97),
}  # fmt: skip
PEOPLE = {1: [(80, 10, 200)], 2: [(70, 20, 180), (220, 12, 210)], 3: []}
SIZE = (320, 240)


def person(x: float, y: float, height: float, parts: tuple[str, ...]) -> np.ndarray:
    places = STANDING | {"neck": (0, 0.2)}
    return np.array([(x + height * places[p][0], y + height * places[p][1]) for p in parts])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures with one, two and no people."""
    (tmp_path / "images").mkdir()
    annotations: list[dict[str, Any]] = []
    for image, people in PEOPLE.items():
        picture = np.full((SIZE[1], SIZE[0], 3), 20 * image, np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{image}.png"), picture)
        for x, y, height in people:
            points = person(x, y, height, COCO_17.parts)
            low, high = points.min(axis=0), points.max(axis=0)
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": image,
                    "category_id": 1,
                    "iscrowd": 0,
                    "num_keypoints": 17,
                    "keypoints": np.column_stack([points, np.full(17, 2)]).ravel().tolist(),
                    "bbox": [*low.tolist(), *(high - low).tolist()],
                    "area": float(np.prod(high - low) * 0.53),
                }
            )
    content = {
        "images": [
            {"id": image, "file_name": f"{image}.png", "width": SIZE[0], "height": SIZE[1]}
            for image in PEOPLE
        ],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.parts)}],
    }
    (tmp_path / "person_keypoints.json").write_text(json.dumps(content))
    return tmp_path


class KnowingSession:
    """Knows the pictures by their grey, and gives the fields a perfect network would."""

    def __init__(self, seen: dict[int, list[tuple[int, int, int]]]) -> None:
        self.card = ModelCard(name="knowing", skeleton=COCO_18)
        self.provider = "by heart"
        self.net_size = None
        self.max_batch = None
        self.seen = seen

    def run(self, net_frames: np.ndarray) -> list[Fields]:
        people = self.seen[round(int(net_frames[0, 0, 0, 0]) / 20)]
        height, width = net_frames.shape[1:3]
        y, x = np.mgrid[: height // 8, : width // 8] * 8 + 3.5
        maps = np.zeros((18, height // 8, width // 8), np.float32)
        pafs = np.zeros((38, height // 8, width // 8), np.float32)
        for one in people:
            # The net input is the frame itself: same height, and sides that are multiples of 8.
            points = person(*one, COCO_18.parts)
            for k, (px, py) in enumerate(points):
                maps[k] = np.maximum(maps[k], np.exp(-((x - px) ** 2 + (y - py) ** 2) / 98))
            for number, (a, b) in enumerate(COCO_18.limbs):
                along = points[b] - points[a]
                length = np.linalg.norm(along)
                ux, uy = along / length
                t = (x - points[a, 0]) * ux + (y - points[a, 1]) * uy
                off = np.abs((x - points[a, 0]) * uy - (y - points[a, 1]) * ux)
                on = (t > -8) & (t < length + 8) & (off <= 8)
                pafs[2 * number][on], pafs[2 * number + 1][on] = ux, uy
        return [Fields(maps, pafs)]


def engine_of(seen: dict[int, list[tuple[int, int, int]]] = PEOPLE) -> Any:
    return SimpleNamespace(
        session=KnowingSession(seen),
        card=KnowingSession(seen).card,
        provider="by heart",
        skeleton=COCO_18,
        refiner=None,
        tiles=None,
        finish=lambda poses, *_: poses,
        net_height=240,
        net_size=None,
        looks=ONE,
        path=Path("knowing.onnx"),
    )


def test_a_network_that_knows_finds_everybody(folder: Path) -> None:
    steps: list[tuple[int, int]] = []
    report = evaluate_folder(
        engine_of(), folder, resamples=20, progress=lambda *step: steps.append(step)
    )
    assert report.ap.value > 0.95
    assert report.ap.low <= report.ap.value <= report.ap.high
    assert report.figures["PCK@0.2 torso"].value == report.figures["PCP@0.5"].value == 1
    assert report.figures["MPJPE px"].value < 2
    assert set(report.failures.values()) == {0}
    assert (report.data.images, report.data.people, report.data.left_out) == (3, 3, ())
    assert [row.part for row in report.parts] == list(COCO_17.parts)
    assert report.speed["network ms"] > 0 and report.speed["decoder ms"] > 0
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_errors_of_a_network_show_in_figures_and_failures(folder: Path) -> None:
    seen = {1: [(80, 10, 200), (250, 30, 150)], 2: [(70, 20, 180)], 3: []}
    report = evaluate_folder(engine_of(seen), folder, resamples=20)
    assert report.failures["false person"] == 1
    assert report.failures["missed person"] == 1
    assert report.figures["AR"].value == pytest.approx(2 / 3, abs=0.05)
    assert report.figures["parts found"].value == 2 / 3


def test_one_pass_serves_several_decoders(folder: Path) -> None:
    engine = engine_of()
    runs: list[int] = []
    run = engine.session.run

    def counted(net_frames: np.ndarray) -> list[Fields]:
        runs.append(1)
        return list(run(net_frames))

    engine.session.run = counted
    evaluations = evaluate(
        engine,
        read_folder(folder),
        {"usual": DecoderConfig(), "deaf": DecoderConfig(peak_threshold=1.0)},
        resamples=5,
    )
    assert len(runs) == 3
    assert evaluations["usual"].report.ap.value > 0.95
    assert evaluations["deaf"].report.ap.value == 0
    assert evaluations["deaf"].report.settings["decoder"]["peak_threshold"] == 1.0


def test_parts_the_model_lacks_are_left_out_and_named(folder: Path) -> None:
    path = folder / "person_keypoints.json"
    content = json.loads(path.read_text())
    content["categories"][0]["keypoints"][1] = "head_top"
    path.write_text(json.dumps(content))
    report = evaluate_folder(engine_of(), folder, resamples=5)
    assert report.data.left_out == ("head_top",)
    assert len(report.data.parts) == 16 and report.ap.value > 0.95


def test_pictures_of_another_size_are_refused(folder: Path) -> None:
    cv2.imwrite(str(folder / "images" / "2.png"), np.zeros((24, 32, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"2.png is 32x24, its annotations are for 320x240"):
        evaluate_folder(engine_of(), folder, resamples=5)


@pytest.fixture
def reports(folder: Path) -> tuple[Report, Report]:
    worse = {1: PEOPLE[1], 2: PEOPLE[2][:1], 3: []}
    return tuple(  # type: ignore[return-value]
        evaluate_folder(engine_of(seen), folder, resamples=5) for seen in (worse, PEOPLE)
    )


def test_a_report_survives_json(reports: tuple[Report, Report], tmp_path: Path) -> None:
    report = reports[0]
    path = tmp_path / "report.json"
    path.write_text(report.to_json())
    again = Report.from_json(path)
    assert again.data == report.data and again.speed == report.speed
    assert again.figures["AP"] == report.figures["AP"]
    assert np.isnan(again.figures["PCKh@0.5"].value)
    assert again.parts == report.parts
    np.testing.assert_array_equal(again.matches.matched, report.matches.matched)
    np.testing.assert_array_equal(again.matches.ignored, report.matches.ignored)
    same = compare_reports(report, again, resamples=20)
    assert same["AP"].difference.value == same["AP"].difference.high == 0


def test_comparison_is_b_minus_a(reports: tuple[Report, Report]) -> None:
    rows = compare_reports(*reports, resamples=50)
    row = rows["AP"]
    assert row.a == reports[0].ap.value and row.b == reports[1].ap.value
    assert row.difference.value == pytest.approx(row.b - row.a) and row.difference.value > 0.1
    assert rows["parts found"].difference.value == pytest.approx(1 / 3)


def test_reports_on_other_data_are_not_compared(reports: tuple[Report, Report]) -> None:
    a, b = reports
    other = dataclasses.replace(b, data=dataclasses.replace(b.data, sha256="0"))
    with pytest.raises(DatasetError, match="the reports differ in sha256"):
        compare_reports(a, other)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "data": {}}'])
def test_files_that_are_no_reports(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match="is not JSON|is not a report of this version"):
        Report.from_json(path)


def test_a_report_with_arrays_that_do_not_fit_is_refused(
    reports: tuple[Report, Report], tmp_path: Path
) -> None:
    content = json.loads(reports[0].to_json())
    content["by_image"]["detections"]["image"][0] = 99
    path = tmp_path / "r.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="is not a report of this version"):
        Report.from_json(path)


def test_the_page_shows_every_failure_and_needs_no_other_file(folder: Path) -> None:
    seen = {1: [(80, 10, 200), (250, 30, 150)], 2: [(70, 20, 180)], 3: []}
    (evaluation,) = evaluate(
        engine_of(seen), read_folder(folder), {"": DecoderConfig()}, resamples=5
    ).values()
    page = write_page(evaluation, "A <b>model</b>")
    assert "<h1>A &lt;b&gt;model&lt;/b&gt;</h1>" in page
    assert all(kind.capitalize() in page for kind in KINDS)
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(pictures) == sum(evaluation.report.failures.values()) == 2
    assert not re.search(r'(src|href)="(?!data:)', page)
    for name, one in evaluation.report.reliability.items():
        assert f">{name}, error {one.error:.3f}</text>" in page
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', page)
    groups = sum(len(one.scores) for one in evaluation.report.reliability.values())
    assert len(circles) == groups > 0
    assert "2.png: 17 labelled parts" in page


def test_ap_looks_further_down_than_the_default_but_not_than_it_is_told(folder: Path) -> None:
    engine = engine_of()
    # Everybody is thought unlikely: below the default, above what AP is counted over.
    calibration = Calibration(min_score=0.5, person=(-1.4, 0, 0, 0, 0))
    engine.card = replace(engine.card, calibration=calibration)
    configs = {"usual": DecoderConfig(), "asked": DecoderConfig(min_score=0.5)}
    found = evaluate(engine, read_folder(folder), configs, resamples=2)
    assert found["usual"].report.ap.value > 0.95 and found["usual"].found[0].scores.size == 0
    assert found["asked"].report.ap.value == 0


def test_oks_takes_the_sigmas_of_the_models_skeleton(folder: Path) -> None:
    shifted = {image: [(x + 8, y, h) for x, y, h in people] for image, people in PEOPLE.items()}
    engine = engine_of(shifted)
    strict = evaluate_folder(engine, folder, resamples=1)
    engine.skeleton = replace(COCO_18, name="loose", sigmas=tuple(4 * s for s in COCO_18.sigmas))
    loose = evaluate_folder(engine, folder, resamples=1)
    assert strict.ap.value < 0.8 and loose.ap.value > 0.95


def test_where_nobody_has_a_torso_pck_is_measured_in_boxes(folder: Path) -> None:
    def hide(content: dict[str, Any]) -> None:
        hip = 3 * COCO_17.parts.index("right_hip") + 2
        for annotation in content["annotations"]:
            annotation["keypoints"][hip] = 0

    path = folder / "person_keypoints.json"
    content = json.loads(path.read_text())
    hide(content)
    path.write_text(json.dumps(content))
    report = evaluate_folder(engine_of(), folder, resamples=1)
    assert report.figures["PCK@0.2 box"].value == 1
    assert "PCK@0.2 torso" not in report.figures
    assert all(row.pck == 1 for row in report.parts if row.labelled)
    # 60 px to the side are less than a fifth of no box here.
    away = {image: [(x + 60, y, h) for x, y, h in people] for image, people in PEOPLE.items()}
    assert evaluate_folder(engine_of(away), folder, resamples=1).figures["PCK@0.2 box"].value < 0.1


def test_failures_of_other_things_are_drawn_with_their_own_limbs(folder: Path) -> None:
    snail = Skeleton("snail", ("shell", "left_horn", "right_horn"), ((0, 1), (0, 2)))
    assert _limbs(snail) == dict(zip(snail.limbs, snail.colors, strict=True))
    assert len(_limbs(COCO_18.restricted(COCO_17.parts))) == 19
