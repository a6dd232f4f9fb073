"""One photograph to its labels, with networks of each kind, in any turn and shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpaf.datasets.labels import Teaching
from openpaf.errors import ConfigError, ModelError, ModelNotFoundError
from openpaf.label.labeller import Labeller
from openpaf.label.recipe import Networks, Recipe, thorough
from openpaf.label.shapes import surest_shape
from openpaf.label.sightings import Sightings, surest, turned_back
from tests.label.conftest import BOX, ELBOW, SHOULDER, STEP, photograph

RECIPE = Recipe(looks="1", max_enlargement=8)


def test_one_person_is_seen_by_everybody_once(networks: Networks) -> None:
    labels = Labeller(networks, RECIPE).label(photograph((76, 60)))
    assert labels.size == (160, 120) and len(labels.boxes) == 1
    detector, other, fields, given = labels.seen[0]
    assert detector > 0.9 and fields > 0.05 and other == given == 0
    np.testing.assert_allclose(labels.keypoints[0, SHOULDER], (76, 60), atol=0.6)
    np.testing.assert_allclose(labels.keypoints[0, ELBOW], (76 + STEP, 60), atol=0.6)
    # Two labellers agree on two parts; nobody has seen the others.
    assert np.flatnonzero(Teaching(min_person=0).parts(labels)[0]).tolist() == [SHOULDER, ELBOW]
    assert labels.person_scores[0] > 0.3 and not len(labels.regions)


def test_nobody_and_boxes_that_are_given(networks: Networks) -> None:
    labeller = Labeller(replace(networks, detectors=()), RECIPE)
    dark = photograph()
    nothing = labeller.label(dark)
    assert nothing.keypoints.shape == (0, 17, 2) and nothing.regions.shape == (0, 4)
    # A box in which no network sees anybody is left open, never background.
    given = labeller.label(dark, np.array([BOX]))
    boxes = np.concatenate([given.boxes[given.person_scores < 0.3], given.regions])
    np.testing.assert_allclose(boxes, [BOX])
    seen = labeller.label(photograph((76, 60)), np.array([BOX]))
    assert seen.seen[0, 3] == 1


def test_without_a_window_network_the_fields_are_all_there_is(networks: Networks) -> None:
    labels = Labeller(replace(networks, refine=None), RECIPE).label(photograph((76, 60)))
    np.testing.assert_allclose(labels.keypoints[0, SHOULDER], (76, 60), atol=1.5)
    assert (labels.scores[0] > 0).sum() == 2 and np.isfinite(labels.keypoints).all()
    assert Teaching(min_person=0, min_part=0.05).parts(labels)[0].sum() == 2


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_people_in_any_quarter_turn_are_found_where_they_are(networks: Networks, turn: int) -> None:
    upright = photograph((76, 60))
    # Turned clockwise by `turn` it is upright again.
    frame = np.ascontiguousarray(np.rot90(upright, turn))
    labeller = Labeller(replace(networks, detectors=()), RECIPE.turned("1"))
    labels = labeller.label(frame)
    at = {0: (76, 60), 1: (60, 160 - 1 - 76), 2: (159 - 76, 119 - 60), 3: (119 - 60, 76)}[turn]
    np.testing.assert_allclose(labels.keypoints[0, SHOULDER], at, atol=1.0)


def test_sightings_are_turned_back(rng: np.random.Generator) -> None:
    box, point = np.array([[10.0, 20, 30, 60]]), np.full((1, 17, 2), (12.0, 25))
    for turn in range(4):
        turned = np.zeros((120, 160), np.uint8)
        turned[25, 12] = 1
        y, x = np.argwhere(np.rot90(turned, -turn))[0]
        here = Sightings(
            box, np.ones(1), np.full((1, 17, 2), (float(x), float(y))), np.ones((1, 17))
        )
        np.testing.assert_array_equal(turned_back(here, turn, (160, 120)).keypoints, point)
    weak = Sightings(box, np.array([0.5]), point, np.ones((1, 17)))
    strong = Sightings(box + 1, np.array([0.9]), point, np.ones((1, 17)))
    assert surest([weak, strong]).scores.tolist() == [0.9]


class Preferring:
    """Sees people best in one aspect."""

    def __init__(self, aspect: float) -> None:
        self.aspect = aspect

    def poses(self, frame: np.ndarray, looks: object) -> object:
        off = abs(np.log(frame.shape[1] / frame.shape[0] / self.aspect))

        class People:
            scores = np.full((1, 3), np.exp(-off))
            person_scores = np.ones(1)

        return People()


@pytest.mark.parametrize("aspect", [4 / 3, 2 / 3, 1.0])
def test_a_squashed_photograph_is_looked_at_in_its_own_shape(aspect: float) -> None:
    width, height = surest_shape(np.zeros((100, 100, 3), np.uint8), Preferring(aspect))  # type: ignore[arg-type]
    assert abs(width / height - aspect) < 0.02 and abs(width * height - 10_000) < 150
    # What is no square keeps its shape.
    assert surest_shape(np.zeros((100, 150, 3), np.uint8), Preferring(1)) == (150, 100)  # type: ignore[arg-type]


def test_labels_of_another_shape_come_back_in_photograph_px(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    squashed = cv2.resize(photograph((76, 60)), (138, 138))
    monkeypatch.setattr("openpaf.label.labeller.surest_shape", lambda frame, finder: (160, 120))
    labeller = Labeller(replace(networks, detectors=()), replace(RECIPE, aspect="auto"))
    labels = labeller.label(np.asarray(squashed, np.uint8))
    there = (np.array([76, 60]) + 0.5) * (138 / 160, 138 / 120) - 0.5
    assert labels.size == (138, 138)
    np.testing.assert_allclose(labels.keypoints[0, SHOULDER], there, atol=0.8)


def test_a_network_of_another_kind_is_one_clear_line(networks: Networks) -> None:
    detector, window, fields = networks.detectors[0], networks.refine, networks.model
    wrong = [
        (replace(networks, model=detector), "it is for --detector of openpaf label"),
        (replace(networks, model=window), "give it to refine="),
        (replace(networks, refine=detector), "gives boxes around people"),
        (replace(networks, detectors=(str(fields),)), "gives no boxes around people"),
    ]
    for one, message in wrong:
        with pytest.raises(ModelError, match=message) as error:
            Labeller(one, RECIPE)
        assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="at most two detectors"):
        replace(networks, detectors=(detector,) * 3)
    with pytest.raises(ConfigError, match="aspect must be keep or auto"):
        Recipe(aspect="square")


def test_the_thorough_preset_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="needs files that are not below") as error:
        thorough(tmp_path)
    assert "pp-tinypose-256x192.xml" in str(error.value) and "\n" not in str(error.value)


def test_the_thorough_preset_on_photographs(shared: Path) -> None:
    """Everybody whom people marked in two pictures is labelled where they did."""
    pytest.importorskip("openvino")
    from openpaf.evaluate import oks, read_folder
    from openpaf.frame import to_frame
    from openpaf.skeleton import COCO_17

    labeller = Labeller(thorough(shared / "models"))
    images = [
        one for one in read_folder(shared / "data" / "coco_val").images if len(one.boxes) == 1
    ]
    for image in images[:2]:
        labels = labeller.label(to_frame(image.path))
        truth = image.keypoints, image.labelled, image.areas, image.boxes
        assert oks(*truth, labels.keypoints[:1], COCO_17.sigmas).max() > 0.85
        assert labels.person_scores[0] > 0.8
