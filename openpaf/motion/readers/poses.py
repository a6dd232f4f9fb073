"""Files of poses back as poses, frame by frame."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from openpaf.keywords import knows_keywords
from openpaf.motion.readers.open import recording_of
from openpaf.motion.readers.sources import EVERY
from openpaf.motion.records import Record
from openpaf.poses import Poses
from openpaf.skeleton import Skeleton


@knows_keywords("openpaf.read()")
def read(path: str | Path, *, source: str | None = None) -> list[Poses]:
    """Read what `poses.save` and openpaf's commands wrote, one `Poses` a frame.

    Parameters
    ----------
    path : str or Path
        `.json`: OpenPose's, COCO keypoint results, or COCO keypoint labels. `.ndjson`, `.csv`,
        `.parquet`. A folder of OpenPose's `*_keypoints.json`, or of `openpaf batch`. `-` is NDJSON
        on standard input.
    source : str, optional
        Only this one, where the file is of several cameras or videos.

    Returns
    -------
    list of Poses
        In the order of the file. Each knows its `index`, and its `time`, `source` and `frame_size`
        where the file does. `ids` are None where nobody has one. Where the file has no scores of
        people (OpenPose's JSON, CSV) they are the mean of the scores of their parts. A frame
        without anybody is missing where files are rows of people: CSV and COCO results.

    Raises
    ------
    MissingExtraError
        When pyarrow, which Parquet needs, is not installed.
    RecordingError
        When it is not there, or is none of these.
    """
    found = [_placed(record) for record in recording_of(path, source or EVERY).records()]
    skeletons = {poses.skeleton.name: poses.skeleton for poses in found if len(poses)}
    if len(skeletons) == 1:
        # Not every form says of which skeleton nobody is.
        found = [poses if len(poses) else _nobody(poses, *skeletons.values()) for poses in found]
    if any(poses.ids is not None and (poses.ids >= 0).any() for poses in found):
        return [_with_ids(poses) for poses in found]
    return [replace(poses, ids=None) for poses in found]


def _placed(record: Record) -> Poses:
    return replace(
        record.poses,
        index=record.frame,
        time=record.time if math.isfinite(record.time) else None,
        source=record.poses.source or record.name,
    )


def _nobody(poses: Poses, skeleton: Skeleton) -> Poses:
    parts = len(skeleton.parts)
    keypoints, scores = np.empty((0, parts, 2), np.float32), np.empty((0, parts), np.float32)
    return replace(poses, keypoints=keypoints, scores=scores, skeleton=skeleton)


def _with_ids(poses: Poses) -> Poses:
    # Nobody in a frame is nobody's id, but other frames have some.
    return replace(poses, ids=np.full(len(poses), -1)) if poses.ids is None else poses
