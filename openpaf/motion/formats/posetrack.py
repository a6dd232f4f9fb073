"""PoseTrack-style JSON: COCO's images, annotations and categories, with `track_id`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from openpaf.motion.block import Block
from openpaf.motion.formats.sink import Body
from openpaf.motion.records import Record
from openpaf.skeleton import Skeleton

# PoseTrack 2018's names beside ours.
_PARTS = {
    "nose": "nose", "head_bottom": "neck", "head_top": "head_top", "left_ear": "left_ear",
    "right_ear": "right_ear",
} | {
    f"{side}_{part}": f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
}  # fmt: skip


class PoseTrack:
    """One file of all people.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._images, self._annotations = Body(), Body()
        self._size: tuple[int, int] = (0, 0)

    def write(self, block: Block) -> None:
        """Take a block."""
        self._size = block.frame_size or self._size
        for record in block.records():
            name = record.name or f"{record.frame:012d}"
            image = {
                "id": record.frame, "frame_id": record.frame, "file_name": name,
                "vid_id": self._path.stem, "is_labeled": True, "width": self._size[0],
                "height": self._size[1], "time": round(record.time, 6),
            }  # fmt: skip
            self._images.add(("," if self._images.lines else "") + json.dumps(image))
            self._people(record, block.skeleton)

    def _people(self, record: Record, skeleton: Skeleton) -> None:
        poses = record.poses
        places = [
            skeleton.index(part) if part in skeleton.parts else None for part in _PARTS.values()
        ]
        boxes = poses.boxes
        for n, who in enumerate([] if poses.ids is None else poses.ids.tolist()):
            flat: list[float] = []
            scores: list[float] = []
            for k in places:
                seen = k is not None and poses.scores[n, k] > 0
                x, y = poses.keypoints[n, k].tolist() if seen else (0.0, 0.0)
                flat += [round(x, 3), round(y, 3), 2 if seen else 0]
                scores.append(round(float(poses.scores[n, k]), 4) if seen else 0.0)
            x0, y0, x1, y1 = boxes[n].astype(np.float64).round(3).tolist()
            annotation = {
                "id": self._annotations.lines + 1, "image_id": record.frame, "category_id": 1,
                "track_id": who, "person_id": who, "iscrowd": 0,
                "bbox": [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)],
                "area": round((x1 - x0) * (y1 - y0), 3),
                "keypoints": flat, "scores": scores, "num_keypoints": flat[2::3].count(2),
            }  # fmt: skip
            self._annotations.add(("," if self._annotations.lines else "") + json.dumps(annotation))

    def finish(self) -> list[Path]:
        """Put the file in place."""
        category = {"id": 1, "name": "person", "supercategory": "person", "keypoints": list(_PARTS)}
        whole = Body()
        whole.add('{"images": [')
        whole.take(self._images)
        whole.add('], "annotations": [')
        whole.take(self._annotations)
        whole.save(self._path, "", f'], "categories": [{json.dumps(category)}]}}\n')
        return [self._path]
