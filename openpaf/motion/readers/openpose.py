"""OpenPose's JSON, a file a frame, whoever wrote it."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from openpaf.errors import OpenPafWarning, RecordingError
from openpaf.motion.records import NO_NUMBERS, Record, skeleton_named, text_of, to_poses
from openpaf.motion.small_parts import sets_of_people

_NUMBER = re.compile(r"(\d+)_keypoints$")
DEFAULT_FRAME_RATE = 30.0


class OpenPoseRecording:
    """`NAME_000000000012_keypoints.json` files; frames that are missing leave gaps.

    Parameters
    ----------
    files : list of Path
        At least one.
    assumed_rate : float, optional
        Frames a second where files do not say their times; else they have none.
    """

    def __init__(self, files: list[Path], assumed_rate: float | None = None) -> None:
        numbers = [_NUMBER.search(file.stem) for file in files]
        if all(numbers):
            order = sorted((int(n.group(1)), f) for n, f in zip(numbers, files, strict=True) if n)
        else:
            order = list(enumerate(files))
        self._files = order
        self._assumed_rate, self._told = assumed_rate, False
        self.share = 0.0

    def records(self) -> Iterator[Record]:
        """Give its frames."""
        for place, (number, path) in enumerate(self._files):
            self.share = (place + 1) / len(self._files)
            yield self._read(number, path)

    def _read(self, number: int, path: Path) -> Record:
        try:
            value = json.loads(path.read_bytes())
            people = value["people"]
            rows = [one["pose_keypoints_2d"] for one in people]
            ids = [int((one.get("person_id") or [-1])[0]) for one in people]
            frame = int(value.get("frame", number))
            time = value.get("time")
            seconds = float("nan") if time is None else float(time)
        except OSError as error:
            raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from error
        except (*NO_NUMBERS, KeyError, AttributeError, IndexError, RecursionError) as error:
            problem = f"it has no {error}" if isinstance(error, KeyError) else error
            raise RecordingError(f"{path} is not a file of OpenPose's JSON: {problem}") from None
        if time is None and self._assumed_rate is not None:
            seconds = frame / self._assumed_rate
            self._tell(path.parent, self._assumed_rate)
        source = text_of(value.get("source")) or path.stem.removesuffix("_keypoints")
        skeleton = skeleton_named(value.get("skeleton"), str(path))
        poses = to_poses(rows, ids, skeleton, str(path), source=source)
        poses = replace(poses, part_sets=sets_of_people(people, str(path)))
        return Record(frame, seconds, poses, where=str(path))

    def _tell(self, folder: Path, rate: float) -> None:
        if not self._told:
            self._told = True
            warnings.warn(
                f"{folder} has no times; {rate:g} frames a second are assumed, --fps says "
                "otherwise",
                OpenPafWarning,
                stacklevel=2,
            )
