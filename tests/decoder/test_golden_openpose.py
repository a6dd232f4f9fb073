"""The OpenPose mode against what OpenPose's own C++ made of the same fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from openpaf.decoder import decode
from openpaf.decoder.config import Assembly, DecoderConfig
from openpaf.decoder.openpose import enlarged_peaks
from openpaf.fields import Fields
from openpaf.skeleton import BODY_25, COCO_18, MPI_15, Skeleton

SKELETONS = {"COCO_18": COCO_18, "BODY_25": BODY_25, "MPI_15": MPI_15, "MPI_15_4": MPI_15}
CASES = (
    "body25_clean_N10", "body25_edge_N5", "body25_maxpos_N5", "body25_smooth_N10",
    "body25_smooth_N2", "body25_smooth_N20", "body25_smooth_N5", "coco18_clean_N10",
    "coco18_edge_N10", "coco18_empty", "coco18_maxpos_N10", "coco18_smooth_N1",
    "coco18_smooth_N10", "coco18_smooth_N2", "coco18_smooth_N20", "coco18_smooth_N5",
    "coco18_smooth_N50", "coco18_white_N100_peakcap", "coco18_white_N20", "coco18_white_N5",
    "mpi15_4_smooth_N10", "mpi15_smooth_N5",
)  # fmt: skip


@dataclass(frozen=True)
class Golden:
    """One run of OpenPose: the fields it got and what it made of them."""

    fields: Fields
    run: dict[str, Any]

    def config(self, assembly: Assembly) -> DecoderConfig:
        four_stages = str(self.run["model"]) == "MPI_15_4"
        return DecoderConfig.openpose(
            assembly,
            maximize_positives=bool(self.run["maximize_positives"]),
            nms_threshold=0.3 if four_stages else None,
        )


def load(folder: Path, case: str) -> Golden:
    with np.load(folder / "golden" / f"{case}.npz") as stored:
        run = dict(stored)
    skeleton: Skeleton = SKELETONS[str(run["model"])]
    parts = len(skeleton.parts)
    maps = run["net"].astype(np.float32)
    pafs = maps[parts + 1 :][np.array(skeleton.paf_channels).ravel()]
    return Golden(Fields(maps[:parts], pafs, skeleton=skeleton), run)


def compare_people(
    keypoints: NDArray[np.float32], person_scores: NDArray[np.float32], expected: Any, scores: Any
) -> None:
    assert len(keypoints) == len(expected)
    distance = np.abs(keypoints[:, None] - expected[None]).max(axis=(2, 3), initial=0)
    mine, theirs = linear_sum_assignment(distance)
    np.testing.assert_allclose(keypoints[mine, :, :2], expected[theirs, :, :2], rtol=0, atol=0.01)
    np.testing.assert_allclose(keypoints[mine, :, 2], expected[theirs, :, 2], rtol=0, atol=1e-4)
    np.testing.assert_allclose(person_scores[mine], scores[theirs], rtol=0, atol=1e-4)


@pytest.mark.parametrize("assembly", ["cpu", "cuda"])
@pytest.mark.parametrize("case", CASES)
def test_same_people(shared: Path, case: str, assembly: Assembly) -> None:
    golden = load(shared, case)
    poses = decode(golden.fields, golden.config(assembly))
    rows = np.concatenate([np.nan_to_num(poses.keypoints), poses.scores[..., None]], axis=2)
    suffix = "_cudastyle" if assembly == "cuda" else ""
    expected, scores = golden.run[f"x8_kp{suffix}"], golden.run[f"x8_scores{suffix}"]
    compare_people(rows, poses.person_scores, expected, scores)


@pytest.mark.parametrize("assembly", ["cpu", "cuda"])
@pytest.mark.parametrize("case", CASES)
def test_same_people_without_enlarging(shared: Path, case: str, assembly: Assembly) -> None:
    golden = load(shared, case)
    fields = Fields(
        golden.fields.confidence_maps, golden.fields.pafs, stride=1, skeleton=golden.fields.skeleton
    )
    poses = decode(fields, golden.config(assembly))
    rows = np.concatenate([np.nan_to_num(poses.keypoints), poses.scores[..., None]], axis=2)
    suffix = "_cudastyle" if assembly == "cuda" else ""
    expected, scores = golden.run[f"raw_kp{suffix}"], golden.run[f"raw_scores{suffix}"]
    compare_people(rows, poses.person_scores, expected, scores)


@pytest.mark.parametrize("case", CASES)
def test_same_peaks(shared: Path, case: str) -> None:
    golden = load(shared, case)
    xs, ys, scores, counts = enlarged_peaks(golden.fields, float(golden.run["nms_threshold"]))
    expected = golden.run["x8_peaks"]
    np.testing.assert_array_equal(counts, expected[:, 0, 0])
    for k, count in enumerate(counts):
        peaks = np.stack([xs[k, :count], ys[k, :count], scores[k, :count]], axis=1)
        np.testing.assert_allclose(peaks, expected[k, 1 : count + 1], rtol=0, atol=1e-3)


def test_every_case_is_tested(shared: Path) -> None:
    assert sorted(path.stem for path in (shared / "golden").glob("*.npz")) == sorted(CASES)
