"""The decoder as its users meet it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scenes.crowd import score_people
from openpaf.decoder import Decoder, decode
from openpaf.decoder.config import REFINEMENTS, DecoderConfig, OpenPoseRules
from openpaf.errors import ConfigError, FieldsError
from openpaf.fields import Fields
from openpaf.poses import Poses
from openpaf.selftest.crowd import make_crowd
from openpaf.skeleton import BODY_25, COCO_17, COCO_18, MPI_15, Skeleton
from openpaf_kernels import peaks
from tests import reference_decoder as reference
from tests.scenes import noise, scene, upright, without

SKELETONS = (COCO_17, COCO_18, BODY_25, MPI_15)
RELAXED = DecoderConfig(min_parts=1, min_score=0.0)


def rows(poses: Poses) -> Any:
    """Everything a result holds, for comparing two of them to the last bit."""
    return (
        np.nan_to_num(poses.keypoints, nan=-1.0).tolist(),
        poses.scores.tolist(),
        poses.person_scores.tolist(),
    )


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: str(skeleton.name))
def test_people_are_found_where_they_stand(skeleton: Skeleton) -> None:
    people = [upright((150, 150), skeleton=skeleton), upright((320, 170), 1.5, skeleton)]
    poses = decode(scene(people, skeleton))
    assert len(poses) == 2
    found = poses.keypoints[np.argsort(poses.keypoints[:, 0, 0])]
    np.testing.assert_allclose(found, np.array(people), atol=0.1)
    assert poses.scores.min() > 0.95
    assert poses.person_scores.min() > 0.9


def test_nobody_is_empty() -> None:
    poses = decode(scene([]))
    assert poses.keypoints.shape == (0, 18, 2)
    assert poses.scores.shape == (0, 18)


def test_stride_and_pixel_convention() -> None:
    maps, pafs = np.zeros((18, 20, 20), np.float32), np.zeros((38, 20, 20), np.float32)
    maps[1, 5, 7] = maps[2, 5, 12] = maps[3, 5, 16] = 1
    pafs[0, 5] = pafs[4, 5] = 1
    for stride in (4, 8):
        poses = decode(Fields(maps, pafs, stride=stride))
        neck, shoulder = poses[0]["neck"], poses[0]["right_shoulder"]
        assert (neck.x, neck.y) == (7 * stride + (stride - 1) / 2, 5 * stride + (stride - 1) / 2)
        assert shoulder.x == 12 * stride + (stride - 1) / 2


def test_missing_parts_are_nan_and_zero() -> None:
    poses = decode(scene([without(upright((200, 150)), "left_wrist", "right_ankle")]))
    missing = [COCO_18.index("left_wrist"), COCO_18.index("right_ankle")]
    assert np.isnan(poses.keypoints[0, missing]).all()
    assert (poses.scores[0, missing] == 0).all()
    assert np.isfinite(poses.keypoints[0]).sum() == 2 * 16


def test_results_are_not_overwritten() -> None:
    decoder = Decoder()
    first = decoder.decode(scene([upright((150, 150))]))
    kept = rows(first)
    decoder.decode(scene([upright((300, 120)), upright((100, 200))]))
    assert rows(first) == kept


def test_best_people_come_first_and_stay() -> None:
    weak = scene([upright((100, 150))])
    strong = scene([upright((350, 150))])
    fields = Fields(
        0.5 * weak.confidence_maps + strong.confidence_maps, 0.5 * weak.pafs + strong.pafs
    )
    poses = decode(fields)
    assert np.all(np.diff(poses.person_scores) <= 0)
    assert poses[0]["nose"].x == pytest.approx(350, abs=0.2)
    assert rows(decode(fields, DecoderConfig(max_people=1))) == rows(poses)[:0] + tuple(
        part[:1] for part in rows(poses)
    )


def test_few_parts_and_low_scores_are_dropped() -> None:
    arm = without(
        upright((200, 150)),
        *(p for p in COCO_18.parts if p not in ("left_elbow", "left_wrist", "left_shoulder")),
    )
    assert len(decode(scene([arm]))) == 1
    assert len(decode(scene([arm]), DecoderConfig(min_parts=4))) == 0
    assert len(decode(scene([arm]), DecoderConfig(min_score=0.9))) == 0


@pytest.mark.parametrize("hidden", [("neck",), ("neck", "left_shoulder"), ("neck", "nose")])
def test_fragments_of_one_person_are_joined(hidden: tuple[str, ...]) -> None:
    people = [without(upright((120 + 130 * n, 150)), *hidden) for n in range(3)]
    poses = decode(scene(people))
    assert len(poses) == 3
    truth = np.array(people)
    assert score_people(poses.keypoints, truth, COCO_18).hit == 3


def test_fragments_far_apart_are_not_joined() -> None:
    legs = [p for p in COCO_18.parts if p.endswith(("hip", "knee", "ankle"))]
    upper = without(upright((100, 120)), *legs)
    lower = without(upright((330, 150)), *(set(COCO_18.parts) - set(legs)))
    poses = decode(scene([upper, lower]))
    assert all(
        np.ptp(keypoints[np.isfinite(keypoints[:, 0]), 0]) < 60 for keypoints in poses.keypoints
    )


def test_no_candidate_in_two_people() -> None:
    crowd = make_crowd(30, seed=11, noise="white", noise_strength=0.05)
    poses = decode(crowd.fields, RELAXED)
    for k in range(18):
        places = poses.keypoints[:, k][np.isfinite(poses.keypoints[:, k, 0])]
        assert len(np.unique(places, axis=0)) == len(places)


def test_crowd_is_found_better_than_by_openpose() -> None:
    crowds = [make_crowd(20, seed, noise="white") for seed in range(3)]
    ours, theirs = (
        [score_people(decode(c.fields, config).keypoints, c.keypoints, COCO_18) for c in crowds]
        for config in (DecoderConfig(), DecoderConfig.openpose())
    )
    assert sum(s.hit for s in ours) >= sum(s.hit for s in theirs)
    assert sum(s.predicted - s.hit for s in ours) <= sum(s.predicted - s.hit for s in theirs)
    assert np.mean([s.error for s in ours]) < 0.4


@given(
    st.integers(1, 25), st.integers(1, 25), st.integers(0, 2**32 - 1), st.floats(1e-4, 1e15),
    st.integers(1, 40), st.sampled_from(REFINEMENTS), st.sampled_from(SKELETONS),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_noise_is_survived(
    h: int, w: int, seed: int, strength: float, room: int, mode: Any, skeleton: Skeleton
) -> None:
    fields = noise(skeleton, (w, h), seed, strength)
    config = DecoderConfig(refinement=mode, max_candidates=room, min_parts=1, min_score=0.0)
    poses = decode(fields, config)
    found = poses.scores > 0
    assert (poses.keypoints[found] >= 0).all()
    assert (poses.keypoints[found] <= 8 * np.array([w, h])).all()
    assert rows(decode(fields, config)) == rows(poses)


@pytest.mark.parametrize("value", [0.0, 0.5, -3.0, 1e10])
@pytest.mark.parametrize("grid", [(1, 1), (1, 7), (7, 1), (2, 2), (9, 8)])
def test_constant_fields_hold_nobody(value: float, grid: tuple[int, int]) -> None:
    fields = Fields(np.full((18, *grid), value), np.full((38, *grid), value))
    assert len(decode(fields, RELAXED)) == 0
    # OpenPose's lenient border sees peaks in a plateau; all that is asked is an answer.
    for assembly in ("cpu", "cuda"):
        decode(fields, DecoderConfig.openpose(assembly))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_fields_that_are_not_finite_are_refused(value: float) -> None:
    maps, pafs = np.zeros((18, 5, 5), np.float32), np.zeros((38, 5, 5), np.float32)
    pafs[3, 2, 2] = value
    with pytest.raises(FieldsError, match="finite"):
        Fields(maps, pafs)


def test_noise_of_ten_thousand_peaks_is_bounded() -> None:
    fields = noise(COCO_18, (400, 400), seed=1, strength=0.3)
    decoder = Decoder()
    decoder.decode(fields)
    start = time.perf_counter()
    poses = decoder.decode(fields)
    # A hang would take minutes: this only tells bounded work from unbounded.
    assert time.perf_counter() - start < 20
    strongest = np.sort(fields.confidence_maps.max(axis=(1, 2)))
    assert poses.scores.max() >= 0.5 * strongest[0]


def test_read_only_and_strided_arrays_are_accepted() -> None:
    fields = scene([upright((150, 150))])
    wide = np.zeros((18, 40, 120), np.float32)
    wide[:, :, ::2] = fields.confidence_maps
    pafs = np.asfortranarray(fields.pafs)
    strided = Fields(wide[:, :, ::2], pafs)
    assert rows(decode(strided)) == rows(decode(fields))
    for array in (fields.confidence_maps, fields.pafs):
        array.flags.writeable = False
    assert rows(decode(fields)) == rows(decode(strided))


def test_threads_agree() -> None:
    decoder = Decoder()
    crowds = [make_crowd(people, seed).fields for people in (1, 7, 15) for seed in range(4)]
    alone = [rows(decoder.decode(fields)) for fields in crowds]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda fields: rows(decoder.decode(fields)), crowds * 5))
    assert together == alone * 5


def test_one_decoder_for_many_skeletons_and_sizes() -> None:
    decoder = Decoder()
    for _ in range(2):
        for skeleton in SKELETONS:
            for grid in ((60, 40), (41, 37)):
                fields = scene([upright((150, 150), skeleton=skeleton)], skeleton, grid)
                assert len(decoder.decode(fields)) == 1


def chain(parts: int) -> Skeleton:
    """A skeleton of parts in a row, of no known body."""
    limbs = tuple((k, k + 1) for k in range(parts - 1))
    channels = tuple((2 * limb, 2 * limb + 1) for limb in range(len(limbs)))
    return Skeleton("chain", tuple(f"part_{k}" for k in range(parts)), limbs, channels)


@pytest.mark.parametrize("parts", [2, 63, 64, 65, 100])
def test_any_number_of_parts(parts: int) -> None:
    skeleton = chain(parts)
    maps = np.zeros((parts, 10, parts + 4), np.float32)
    maps[np.arange(parts), 5, np.arange(parts) + 2] = 1
    pafs = np.zeros((2 * (parts - 1), 10, parts + 4), np.float32)
    pafs[::2] = 1
    poses = decode(Fields(maps, pafs, skeleton=skeleton), DecoderConfig(min_parts=1))
    assert len(poses) == 1
    assert (poses.scores > 0).all()


def test_assembly_agrees_with_the_reference() -> None:
    skeleton = replace(COCO_18, name="nameless", parts=tuple(f"part_{k}" for k in range(18)))
    for seed in range(4):
        crowd = make_crowd(8, seed, occlusion=0.25, grid=(50, 30))
        fields = Fields(crowd.fields.confidence_maps, crowd.fields.pafs, skeleton=skeleton)
        candidates = [
            reference.find_peaks(grid, 0.07, "log_quadratic") for grid in fields.confidence_maps
        ]
        connections = [
            reference.connect(
                fields.pafs[2 * limb], fields.pafs[2 * limb + 1], candidates[a], candidates[b]
            )
            for limb, (a, b) in enumerate(skeleton.limbs)
        ]
        people = reference.assemble(skeleton.limbs, connections)
        poses = decode(fields, RELAXED)
        mine = {tuple(np.round(np.nan_to_num(kp[:, 0], nan=-9), 1)) for kp in poses.keypoints}
        theirs = set()
        for person in people:
            xs = [8 * candidates[k][person[k]].x + 3.5 if k in person else -9 for k in range(18)]
            theirs.add(tuple(np.round(np.array(xs, np.float32), 1)))
        assert len(mine ^ theirs) <= len(theirs) // 4
        assert len(poses) == len(people)


@pytest.mark.parametrize(
    "option",
    [
        {"peak_threshold": -1},
        {"peak_threshold": float("nan")},
        {"paf_threshold": "0.1"},
        {"paf_min_fraction": 1.5},
        {"paf_samples": 1},
        {"refinement": "best"},
        {"max_candidates": 0},
        {"max_people": 1.5},
        {"max_people": 0},
        {"min_score": float("inf")},
        {"min_parts": True},
    ],
)
def test_config_refuses(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        DecoderConfig(**option)


@pytest.mark.parametrize(
    "option",
    [{"assembly": "gpu"}, {"maximize_positives": 1}, {"nms_threshold": 2}],
)
def test_openpose_config_refuses(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        DecoderConfig.openpose(**option)


def test_openpose_rules_bring_their_own_thresholds() -> None:
    with pytest.raises(ConfigError, match="min_parts has no effect"):
        DecoderConfig(min_parts=5, openpose_rules=OpenPoseRules())
    crowd = make_crowd(6, seed=2).fields
    config = replace(DecoderConfig.openpose(), max_people=2)
    assert len(decode(crowd, config)) == 2


def test_other_arguments_are_refused_in_one_line() -> None:
    with pytest.raises(FieldsError, match=r"got ndarray; pass openpaf\.Fields"):
        decode(np.zeros((18, 5, 5)))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="must be a DecoderConfig, got dict"):
        decode(scene([]), {"min_parts": 3})  # type: ignore[arg-type]


def test_refinements_have_the_numbers_that_the_kernels_know_them_by() -> None:
    assert list(REFINEMENTS) == sorted(
        REFINEMENTS, key=lambda refinement: getattr(peaks, refinement.upper())
    )
    assert peaks.CENTROID == len(REFINEMENTS) - 1


@pytest.mark.parametrize("score", [-0.1, 1.1, 5, float("nan"), True])
def test_min_score_is_a_share(score: float) -> None:
    with pytest.raises(ConfigError, match="min_score must be a number from 0 to 1"):
        DecoderConfig(min_score=score)


def test_all_of_a_small_skeleton_is_enough() -> None:
    """Somebody of two parts is found although others need three."""
    maps, pafs = np.zeros((2, 8, 12), np.float32), np.zeros((2, 8, 12), np.float32)
    maps[0, 4, 2] = maps[1, 4, 8] = 1
    pafs[0] = 1
    assert len(decode(Fields(maps, pafs, skeleton=chain(2)))) == 1
