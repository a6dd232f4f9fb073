"""Skeletons: consistent tables, published orders, mirrors, sigmas, conversions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from openpaf.decoder.bodies import bodies
from openpaf.decoder.body import body_geometry
from openpaf.errors import SkeletonError
from openpaf.skeleton import (
    BODIES,
    BODY_25,
    COCO_17,
    COCO_18,
    FACE_70,
    HAND_21,
    MPI_15,
    SKELETONS,
    Skeleton,
)

ALL = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
CONNECTED = pytest.mark.parametrize("skeleton", [*BODIES.values(), HAND_21], ids=[*BODIES, "hand"])


@ALL
def test_tables_fit_together(skeleton: Skeleton) -> None:
    parts, limbs = len(skeleton.parts), len(skeleton.limbs)
    assert SKELETONS[skeleton.name] is skeleton
    assert sorted(c for pair in skeleton.paf_channels for c in pair) == list(range(2 * limbs))
    assert len(skeleton.sigmas) == parts and min(skeleton.sigmas) > 0
    assert len(skeleton.colors) == limbs
    assert all(0 <= value <= 255 for color in skeleton.colors for value in color)


@CONNECTED
def test_limbs_without_the_redundant_ones_span_everybody(skeleton: Skeleton) -> None:
    tree = [limb for n, limb in enumerate(skeleton.limbs) if n not in skeleton.redundant_limbs]
    reached = {tree[0][0]}
    for _ in tree:
        reached |= {part for limb in tree if reached & set(limb) for part in limb}
    assert reached == set(range(len(skeleton.parts)))


def test_sizes_and_published_orders() -> None:
    sizes = {s.name: (len(s.parts), len(s.limbs)) for s in SKELETONS.values()}
    assert sizes == {
        "COCO_17": (17, 19),
        "COCO_18": (18, 19),
        "BODY_25": (25, 26),
        "MPI_15": (15, 14),
        "HAND_21": (21, 20),
        "FACE_70": (70, 63),
    }
    neck, hip = COCO_18.index("neck"), COCO_18.index("right_hip")
    assert COCO_18.paf_channels[COCO_18.limbs.index((neck, hip))] == (0, 1)
    heel = (BODY_25.index("right_ankle"), BODY_25.index("right_heel"))
    assert BODY_25.paf_channels[BODY_25.limbs.index(heel)] == (50, 51)
    assert MPI_15.paf_channels == tuple((2 * n, 2 * n + 1) for n in range(14))


@pytest.mark.parametrize("name", ["COCO_18", "BODY_25"])
def test_redundant_limbs_join_shoulder_and_ear(name: str) -> None:
    skeleton = SKELETONS[name]
    joined = {
        frozenset(skeleton.parts[part] for part in skeleton.limbs[n])
        for n in skeleton.redundant_limbs
    }
    assert joined == {
        frozenset(("right_shoulder", "right_ear")),
        frozenset(("left_shoulder", "left_ear")),
    }


def test_golden_files_have_these_limbs_and_channels(shared: object) -> None:
    from pathlib import Path

    assert isinstance(shared, Path)
    for file, skeleton in {
        "coco18_smooth_N1": COCO_18,
        "body25_smooth_N2": BODY_25,
        "mpi15_smooth_N5": MPI_15,
    }.items():
        with np.load(shared / "golden" / f"{file}.npz") as golden:
            assert golden["pairs"].tolist() == [list(limb) for limb in skeleton.limbs]
            assert golden["mapidx"].tolist() == [list(pair) for pair in skeleton.paf_channels]


@ALL
def test_mirroring_twice_changes_nothing(skeleton: Skeleton) -> None:
    assert [skeleton.flip[k] for k in skeleton.flip] == list(range(len(skeleton.parts)))
    for limb, (mirror, direction) in enumerate(skeleton.flip_limbs):
        assert skeleton.flip_limbs[mirror] == (limb, direction)
        a, b = (skeleton.flip[part] for part in skeleton.limbs[limb])
        assert skeleton.limbs[mirror] == ((a, b) if direction == 1 else (b, a))


@ALL
def test_pairs_are_left_then_right(skeleton: Skeleton) -> None:
    lefts = {part for part in skeleton.parts if part.startswith("left_")}
    named = {
        skeleton.parts[left]: skeleton.parts[right]
        for left, right in skeleton.pairs
        if skeleton.parts[left] in lefts
    }
    assert named == {left: left.replace("left_", "right_") for left in lefts}


def test_a_hand_has_no_sides_and_five_fingers_from_the_wrist() -> None:
    assert HAND_21.flip == tuple(range(21)) and not HAND_21.is_body
    assert HAND_21.parts[5:9] == ("index_1", "index_2", "index_3", "index_4")
    assert HAND_21.limbs[4:8] == ((0, 5), (5, 6), (6, 7), (7, 8))


def test_a_mirrored_face_is_a_face() -> None:
    """Points of iBUG's own numbers, whose first contour point lies at the left of the picture."""
    assert not FACE_70.is_body and FACE_70.parts[36] == "right_eye_0"
    swapped = {0: 16, 17: 26, 21: 22, 31: 35, 36: 45, 39: 42, 41: 46, 48: 54, 60: 64, 68: 69}
    assert {k: FACE_70.flip[k] for k in swapped} == swapped
    middle = [k for k in range(70) if FACE_70.flip[k] == k]
    assert middle == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_sigmas_are_cocos_and_the_documented_others() -> None:
    body = {
        "nose": 0.026, "left_eye": 0.025, "right_ear": 0.035, "left_shoulder": 0.079,
        "right_elbow": 0.072, "left_wrist": 0.062, "right_hip": 0.107, "left_knee": 0.087,
        "right_ankle": 0.089, "neck": 0.079, "mid_hip": 0.107,
        "left_big_toe": 0.068, "left_small_toe": 0.066, "left_heel": 0.066,
        "right_big_toe": 0.092, "right_small_toe": 0.094, "right_heel": 0.094,
    }  # fmt: skip
    for part, sigma in body.items():
        assert BODY_25.sigmas[BODY_25.index(part)] == sigma
    assert MPI_15.sigmas[MPI_15.index("chest")] == 0.107
    assert MPI_15.sigmas[MPI_15.index("head_top")] == 0.026


def test_sigmas_of_the_17_parts_are_pycocotools_own() -> None:
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    sigmas = cocoeval.Params(iouType="keypoints").kpt_oks_sigmas
    np.testing.assert_allclose(COCO_17.sigmas, sigmas)


def test_left_and_right_limbs_differ_in_colour() -> None:
    for skeleton in SKELETONS.values():
        for limb, (mirror, _) in enumerate(skeleton.flip_limbs):
            if mirror != limb:
                assert skeleton.colors[limb] != skeleton.colors[mirror]


@ALL
def test_converting_to_itself_changes_nothing(skeleton: Skeleton, rng: np.random.Generator) -> None:
    keypoints = rng.normal(size=(3, len(skeleton.parts), 2)).astype(np.float32)
    scores = rng.uniform(0.1, 1, keypoints.shape[:2]).astype(np.float32)
    out, out_scores = skeleton.convert(keypoints, scores, skeleton)
    np.testing.assert_array_equal(out, keypoints)
    np.testing.assert_array_equal(out_scores, scores)


def test_a_neck_is_made_of_two_shoulders_or_not_at_all() -> None:
    keypoints = np.full((2, 17, 2), np.nan, np.float32)
    scores = np.zeros((2, 17), np.float32)
    left, right = COCO_17.index("left_shoulder"), COCO_17.index("right_shoulder")
    keypoints[0, [left, right]] = [[10, 20], [30, 40]]
    scores[0, [left, right]] = [0.9, 0.5]
    keypoints[1, left], scores[1, left] = [10, 20], 0.9
    out, out_scores = COCO_17.convert(keypoints, scores, BODY_25)
    neck = BODY_25.index("neck")
    np.testing.assert_array_equal(out[0, neck], [20, 30])
    assert out_scores[0, neck] == np.float32(0.5)
    assert np.isnan(out[1, neck]).all() and out_scores[1, neck] == 0
    assert np.isnan(out[:, BODY_25.index("left_heel")]).all()


def test_a_round_trip_over_coco_18_loses_nothing_of_coco_17(rng: np.random.Generator) -> None:
    keypoints = rng.normal(size=(4, 17, 2)).astype(np.float32)
    scores = rng.uniform(0.1, 1, (4, 17)).astype(np.float32)
    back, back_scores = COCO_18.convert(*COCO_17.convert(keypoints, scores, COCO_18), COCO_17)
    np.testing.assert_array_equal(back, keypoints)
    np.testing.assert_array_equal(back_scores, scores)


def test_nobody_converts_to_nobody() -> None:
    out, out_scores = COCO_18.convert(
        np.empty((0, 18, 2), np.float32), np.empty((0, 18), np.float32), COCO_17
    )
    assert out.shape == (0, 17, 2) and out_scores.shape == (0, 17)


def test_inconsistent_skeletons_are_refused() -> None:
    with pytest.raises(SkeletonError, match="part names must differ"):
        replace(COCO_18, parts=("nose",) * 18)
    with pytest.raises(SkeletonError, match="limbs must index its 3 parts"):
        Skeleton("x", ("a", "b", "c"), ((0, 3),), ((0, 1),))
    with pytest.raises(SkeletonError, match=r"paf_channels must use 0\.\.1 once each"):
        Skeleton("x", ("a", "b", "c"), ((0, 1),), ((0, 2),))
    with pytest.raises(SkeletonError, match="COCO_18 has no part 'tail'; it has nose, neck"):
        COCO_18.index("tail")


SNAIL = Skeleton(
    "snail", ("shell", "left_horn", "right_horn", "tail"), ((0, 1), (0, 2), (0, 3)),
    sigmas=(0.2, 0.072, 0.072, 0.1),
)  # fmt: skip


def test_pairs_and_sigmas_that_cannot_be() -> None:
    for pairs in (((0, 1), (1, 2)), ((0, 4),), ((0, 0),)):
        with pytest.raises(SkeletonError, match="pairs must index its parts, each at most once"):
            replace(SNAIL, pairs=pairs)
    for sigmas in ((0.1,), (0.1, 0.1, 0.1, 0.0), (0.1, 0.1, 0.1, float("nan"))):
        with pytest.raises(SkeletonError, match="sigmas must be a number above 0 for each part"):
            replace(SNAIL, sigmas=sigmas)


@pytest.mark.parametrize(
    ("left", "right"),
    [("left_eye", "right_eye"), ("L_Paw", "R_Paw"), ("Left ear", "Right ear"), ("l wing", "r wing"),
     ("foot-L", "foot-R"), ("leftFin", "rightFin")],
)  # fmt: skip
def test_names_that_tell_sides(left: str, right: str) -> None:
    assert Skeleton("x", (right, "hull", "bell", left), ((0, 1),)).pairs == ((3, 0),)


def test_names_that_only_look_so() -> None:
    assert Skeleton("x", ("hull", "hurr", "bright", "left_one", "l"), ((0, 1),)).pairs == ()


def test_restricting_keeps_what_is_known() -> None:
    some = SNAIL.restricted(("tail", "right_horn", "other", "left_horn", "shell"))
    assert some.sigmas == (0.1, 0.072, 0.072, 0.072, 0.2)
    assert some.pairs == ((3, 1),) and some.limbs == ((4, 3), (4, 1), (4, 0))
    assert COCO_18.restricted(COCO_17.parts).sigmas == COCO_17.sigmas


def test_a_limb_without_a_mirror_image_is_named() -> None:
    one_sided = replace(SNAIL, limbs=((0, 1), (1, 2), (0, 3)), paf_channels=())
    with pytest.raises(SkeletonError, match="a limb shell - left_horn but none shell - right_horn"):
        _ = one_sided.flip_limbs


def test_colours_of_other_things_are_warm_right_and_cool_left_and_all_differ() -> None:
    left, right, middle = SNAIL.colors
    assert left[0] > left[2] and right[2] > right[0] and middle[1] == max(middle)
    chain = Skeleton("chain", tuple("abcdefgh"), tuple((n, n + 1) for n in range(7)))
    assert len(set(chain.colors)) == 7
    assert all(0 <= value <= 255 for color in chain.colors for value in color)


def test_an_animal_with_shoulders_is_no_body() -> None:
    horse = Skeleton("horse", ("neck", "left_shoulder", "left_hip", "tail"), ((0, 1), (1, 2)))
    assert not horse.is_body and COCO_18.is_body
    assert not body_geometry(horse).limb_lengths.any() and not len(body_geometry(horse).bridges)
    assert not bodies(horse).known.any() and bodies(COCO_18).known.all()
