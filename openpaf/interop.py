"""Poses in the forms other programs read. Their libraries are imported only when asked for."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from openpaf.errors import MissingExtraError
from openpaf.part_set import LEFT, RIGHT, triples_of
from openpaf.skeleton import BODIES, COCO_17, COCO_18, Skeleton, is_built_in
from openpaf.skeleton_table import table_of
from openpaf.wide import sets_of, small_parts, wide_values, widened

if TYPE_CHECKING:
    import pandas as pd
    import supervision as sv

    from openpaf.poses import Poses

_OPENPOSE_VERSION = 1.3
_OPENPOSE_UNUSED = (
    "pose_keypoints_3d",
    "face_keypoints_3d",
    "hand_left_keypoints_3d",
    "hand_right_keypoints_3d",
)
_PERSON_CATEGORY = 1
_FOOT = ("big_toe", "small_toe", "heel")
_ROWS = 20
# Points of a face in COCO-WholeBody: those of iBUG, which come first in FACE_70.
_IBUG = 68
_FEET = Skeleton(
    "feet",
    tuple(f"{side}_{part}" for side in ("left", "right") for part in _FOOT),
    (),
)


def _flat(poses: Poses, target: Skeleton) -> list[list[float]]:
    """One list a person: x, y, score of each part in turn, zeros where it is missing."""
    keypoints, scores = poses.keypoints, poses.scores
    if poses.skeleton != target:
        keypoints, scores = poses.skeleton.convert(keypoints, scores, target)
    triples = np.concatenate([np.nan_to_num(keypoints), scores[..., None]], axis=2)
    # In float64, so that rounding leaves short numbers in JSON.
    flat = triples.astype(np.float64).round(4).reshape(len(poses), 3 * len(target.parts))
    rows: list[list[float]] = flat.tolist()
    return rows


def to_openpose(poses: Poses) -> dict[str, Any]:
    """OpenPose's JSON object of one frame, version 1.3.

    `people` holds one object a person with `pose_keypoints_2d`, flat x, y, score in the skeleton's
    part order, zeros where missing. OpenPose has no 17-part body, so COCO_17 becomes COCO_18. What
    it does not know at all, a skeleton that is not built in, is described by `skeleton`. Hands and
    faces are empty lists where they were not looked for.
    """
    skeleton = COCO_18 if poses.skeleton == COCO_17 else poses.skeleton
    ids = [-1] * len(poses) if poses.ids is None else poses.ids.tolist()
    described = {} if is_built_in(skeleton) else {"skeleton": table_of(skeleton)}
    return {
        "version": _OPENPOSE_VERSION,
        **described,
        "people": [
            {"person_id": [person_id], "pose_keypoints_2d": row}
            | small
            | {key: [] for key in _OPENPOSE_UNUSED}
            for person_id, row, small in zip(
                ids, _flat(poses, skeleton), small_parts(poses), strict=True
            )
        ],
    }


def to_coco(poses: Poses, image_id: int) -> list[dict[str, Any]]:
    """COCO keypoint results of one image: flat x, y, score of each part, zeros where missing.

    Parts are COCO's 17, or those of a skeleton that is no built-in body, in its order. There is no
    `bbox`: pycocotools takes results that hold one for box results. Where hands or faces were
    looked for, `foot_kpts`, `face_kpts`, `lefthand_kpts` and `righthand_kpts` of COCO-WholeBody are
    there too, 133 parts in all.
    """
    target = COCO_17 if poses.skeleton.name in BODIES else poses.skeleton
    return [
        {
            "image_id": int(image_id),
            "category_id": _PERSON_CATEGORY,
            "keypoints": row,
            "score": round(float(score), 6),
            **whole,
        }
        for row, score, whole in zip(
            _flat(poses, target), poses.person_scores, _whole_body(poses), strict=True
        )
    ]


def _whole_body(poses: Poses) -> list[dict[str, list[float]]]:
    """What COCO-WholeBody has beside the body; its faces have no pupils. Nothing if not asked."""
    if not poses.part_sets:
        return [{}] * len(poses)
    hands, faces = triples_of(poses.hands), triples_of(poses.face)[:, :_IBUG]
    keypoints, scores = poses.skeleton.convert(poses.keypoints, poses.scores, _FEET)
    feet = np.concatenate([np.nan_to_num(keypoints), scores[..., None]], axis=2)
    values = {
        "foot_kpts": feet.astype(np.float64),
        "face_kpts": faces,
        "lefthand_kpts": hands[:, LEFT],
        "righthand_kpts": hands[:, RIGHT],
    }
    rounded = {key: value.round(4) for key, value in values.items()}
    return [
        {key: value[n].reshape(-1).tolist() for key, value in rounded.items()}
        for n in range(len(poses))
    ]


def to_supervision(poses: Poses) -> sv.KeyPoints:
    """`supervision.KeyPoints` of class 0; missing parts are at 0, 0 as that library expects.

    `data["person_score"]`, and `data["person_id"]` where people are tracked, go along.

    Raises
    ------
    MissingExtraError
        When supervision is not installed.
    """
    try:
        import supervision as sv
    except ImportError as error:
        raise MissingExtraError(
            "to_supervision() needs supervision; install it with: pip install supervision"
        ) from error
    data: dict[str, Any] = {"person_score": poses.person_scores.copy()}
    if poses.ids is not None:
        data["person_id"] = poses.ids.copy()
    return sv.KeyPoints(
        np.nan_to_num(poses.keypoints),
        np.zeros(len(poses), int),
        poses.scores.copy(),
        data=data,
    )


def to_dataframe(poses: Poses) -> pd.DataFrame:
    """One row a keypoint found: person, id (-1 where not tracked), part, x, y, score.

    Parts of hands and faces are called "left_hand_thumb_1", "face_nose_0" and so on.

    Raises
    ------
    MissingExtraError
        When pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(
            "to_dataframe() needs pandas; install it with: pip install pandas"
        ) from error
    sets = sets_of([poses])
    keypoints, scores = wide_values(poses, sets)
    person, part = np.nonzero(scores)
    ids = np.full(len(poses), -1) if poses.ids is None else poses.ids
    return pd.DataFrame(
        {
            "person": person,
            "id": ids[person],
            "part": np.array(widened(poses.skeleton, sets).parts, dtype=object)[part],
            "x": keypoints[person, part, 0],
            "y": keypoints[person, part, 1],
            "score": scores[person, part],
        }
    )


def to_html(poses: Poses) -> str:
    """A small table of the people, the first twenty, for a notebook."""
    tracked = poses.ids is not None
    heads = ["", *(["id"] if tracked else []), "score", "parts", "box"]
    rows = [
        [
            str(n),
            *([str(person.id)] if tracked else []),
            f"{person.score:.2f}",
            f"{np.count_nonzero(person.scores)} of {len(person)}",
            ", ".join(f"{side:.0f}" for side in person.box.tolist()),
        ]
        for n, person in enumerate(poses[:_ROWS])
    ]
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    table = "".join(
        f"<tr>{line}</tr>" for line in ["".join(f"<th>{h}</th>" for h in heads), *lines]
    )
    more = f"<p>and {len(poses) - _ROWS} more</p>" if len(poses) > _ROWS else ""
    return f"<p>{html.escape(repr(poses))}</p>" + (f"<table>{table}</table>{more}" if rows else "")
