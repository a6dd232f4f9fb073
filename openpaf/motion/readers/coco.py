"""COCO keypoint results: one JSON array of people, each of an image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from openpaf.errors import RecordingError
from openpaf.motion.records import NO_NUMBERS, Record, text_of, to_poses
from openpaf.motion.small_parts import sets_of_people
from openpaf.skeleton import COCO_17


class CocoRecording:
    """What `--coco-json` and `--format coco` write; images without anybody are not in it.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.share = 0.0

    def records(self) -> Iterator[Record]:
        """Give its images, by first appearance."""
        images: dict[int, list[dict[str, Any]]] = {}
        for place, person in enumerate(self._people()):
            where = f"{self._path}: entry {place}"
            try:
                images.setdefault(int(person["image_id"]), []).append(person)
            except (*NO_NUMBERS, AttributeError, KeyError) as error:
                problem = f"no {error}" if isinstance(error, KeyError) else error
                raise RecordingError(f"{where} is not a COCO keypoint result: {problem}") from None
        for done, (number, people) in enumerate(images.items(), 1):
            self.share = done / len(images)
            yield self._record(number, people)

    def _people(self) -> list[Any]:
        try:
            people = json.loads(self._path.read_bytes())
        except OSError as error:
            problem = error.strerror or error
            raise RecordingError(f"{self._path} cannot be read: {problem}") from error
        except (ValueError, RecursionError) as error:
            raise RecordingError(f"{self._path} is not JSON: {error}") from None
        assert isinstance(people, list)
        return people

    def _record(self, number: int, people: list[dict[str, Any]]) -> Record:
        where = f"{self._path}: image {number}"
        try:
            rows = [person["keypoints"] for person in people]
            ids = [int(person.get("track_id", -1)) for person in people]
            time = float(people[0].get("time", "nan"))
        except (*NO_NUMBERS, KeyError) as error:
            problem = f"no {error}" if isinstance(error, KeyError) else error
            raise RecordingError(f"{where} is not of COCO keypoint results: {problem}") from None
        poses = to_poses(
            rows, ids, COCO_17, where,
            scores=[person.get("score") for person in people],
            source=text_of(people[0].get("source")),
        )  # fmt: skip
        poses = replace(poses, part_sets=sets_of_people([*map(_renamed, people)], where))
        return Record(number, time, poses, where=where)


def _renamed(person: dict[str, Any]) -> dict[str, Any]:
    """Hands and face of COCO-WholeBody by OpenPose's keys, whose faces have pupils too."""
    face = person.get("face_kpts")
    return {
        "hand_left_keypoints_2d": person.get("lefthand_kpts"),
        "hand_right_keypoints_2d": person.get("righthand_kpts"),
        "face_keypoints_2d": [*face, *_NO_PUPILS] if isinstance(face, list) and face else None,
    }


_NO_PUPILS = [0.0] * 6
