"""Targets against slow, obvious renderings and worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.skeleton import COCO_18

torch = pytest.importorskip("torch")

from openpaf.train.targets import (
    Labels,
    render,
    render_confidence_maps,
    render_pafs,
)

SIZE = (9, 12)
STRIDE = 8


def centre(cell: int) -> float:
    return 8 * cell + 3.5


def people(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    points = rng.uniform(0, 90, (2, count, 18, 3)).astype(np.float32)
    points[..., 2] = rng.integers(0, 3, (2, count, 18))
    return points


def test_confidence_maps_are_the_highest_gaussian(rng: np.random.Generator) -> None:
    points = people(rng, 3)
    got = render_confidence_maps(torch.from_numpy(points), SIZE, STRIDE, 7.0).numpy()
    for b in range(2):
        for k in range(18):
            for row in range(SIZE[0]):
                for column in range(SIZE[1]):
                    values = [
                        np.exp(-((centre(column) - x) ** 2 + (centre(row) - y) ** 2) / (2 * 49))
                        for x, y, seen in points[b, :, k]
                        if seen > 0
                    ]
                    want = max(values, default=0.0)
                    want = 0.0 if want < 0.01 else want
                    assert got[b, k, row, column] == pytest.approx(want, abs=2e-6) or (
                        abs(want - 0.01) < 1e-5
                    )


def test_pafs_are_averaged_unit_vectors(rng: np.random.Generator) -> None:
    points = people(rng, 3)
    got = render_pafs(torch.from_numpy(points), COCO_18, SIZE, STRIDE, 8.0).numpy()
    for b in range(2):
        for limb, (first, second) in enumerate(COCO_18.limbs):
            for row in range(SIZE[0]):
                for column in range(SIZE[1]):
                    vectors, near_edge = [], False
                    for person in points[b]:
                        if person[first, 2] <= 0 or person[second, 2] <= 0:
                            continue
                        a, d = (
                            person[first, :2].astype(float),
                            person[second, :2].astype(float) - (person[first, :2].astype(float)),
                        )
                        length = np.hypot(*d)
                        unit = d / length
                        offset = np.array([centre(column), centre(row)]) - a
                        along = offset @ unit
                        aside = abs(offset[0] * unit[1] - offset[1] * unit[0])
                        edges = (along, along - length, aside - 8)
                        near_edge |= min(abs(value) for value in edges) < 1e-3
                        if 0 <= along <= length and aside <= 8:
                            vectors.append(unit)
                    want = np.mean(vectors, axis=0) if vectors else np.zeros(2)
                    if not near_edge:
                        np.testing.assert_allclose(
                            got[b, 2 * limb : 2 * limb + 2, row, column], want, atol=1e-5
                        )


def one_person(known: bool) -> Labels:
    points = torch.zeros(1, 1, 18, 3)
    points[0, 0, 0] = torch.tensor([centre(3), centre(3), 2.0])
    return Labels(
        points,
        torch.tensor([[[0.0, 0.0, 40.0, 70.0]]]),
        torch.full((1, 1, 18), known),
        torch.zeros(1, 1, 4),
    )


def draw(labels: Labels, teacher: object = None):  # type: ignore[no-untyped-def]
    return render(labels, COCO_18, SIZE, stride=STRIDE, sigma=7.0, limb_width=8.0, teacher=teacher)


def test_background_is_what_no_part_claims() -> None:
    targets = draw(one_person(True))
    assert targets.confidence_maps[0, 0, 3, 3] == 1
    assert targets.confidence_maps[0, -1, 3, 3] == 0
    assert targets.confidence_maps[0, -1, 8, 11] == 1
    assert (targets.map_weights == 1).all()


def test_people_without_keypoints_do_not_count() -> None:
    labels = one_person(True)
    labels.ignored = torch.tensor([[[60.0, 0.0, 96.0, 72.0]]])
    targets = draw(labels)
    assert (targets.map_weights[..., 9:] == 0).all() and (targets.paf_weights[..., 9:] == 0).all()
    assert (targets.map_weights[..., :5] == 1).all()


def test_parts_a_set_does_not_label_are_not_taught_as_absent() -> None:
    labels = one_person(True)
    labels.known[0, 0, 14:] = False  # no face, as in sport sets
    targets = draw(labels)
    assert (targets.map_weights[0, 14:18, :8, :4] == 0).all()
    assert (targets.map_weights[0, :14] == 1).all()
    assert (targets.map_weights[0, 14:18, :, 8:] == 1).all()


def test_labels_overrule_the_teacher_where_they_speak_and_only_there() -> None:
    maps, pafs = torch.full((1, 18, *SIZE), 0.5), torch.full((1, 38, *SIZE), 0.25)
    targets = draw(one_person(True), (maps, pafs))
    assert targets.confidence_maps[0, 0, 3, 3] == 1
    assert targets.confidence_maps[0, 1, 3, 3] == 0  # labelled absent inside the box
    assert targets.confidence_maps[0, 1, 3, 11] == 0.5  # somebody else out there
    assert targets.pafs[0, 0, 3, 3] == 0 and targets.pafs[0, 0, 3, 11] == 0.25
    unsure = draw(one_person(False), (maps, pafs))
    assert unsure.confidence_maps[0, 1, 3, 3] == 0.5
    assert unsure.confidence_maps[0, 0, 3, 3] == 1
