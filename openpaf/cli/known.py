"""People who were found before, by the frames they were found in."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from openpaf.errors import RecordingError
from openpaf.poses import Poses
from openpaf.sources import Shot, Source
from openpaf.sources.listing import Picture


class Known:
    """Results of a source, for each of its frames.

    Frames of a video are those of their numbers; pictures those of their names, or of their places
    where results have none.

    Parameters
    ----------
    results : str
        What messages call them.
    found : sequence of Poses
        Of one or several sources.
    source : str
        As the user named it.
    reader : Source
        Its frames.

    Raises
    ------
    RecordingError
        When there are none, or those of several videos and no telling which.

    Attributes
    ----------
    first, last, step : int
        Numbers of the frames that have results, in which also nobody can be.
    """

    def __init__(self, results: str, found: Sequence[Poses], source: str, reader: Source) -> None:
        self._results, self._source = results, source
        self._pictures: Sequence[Picture] = getattr(reader, "pictures", ())
        if not self._pictures:
            found = self._of_video(found)
        self._named = _by_names(found) if self._pictures else {}
        self._placed = {
            place if one.index is None else one.index: one for place, one in enumerate(found)
        }
        if not self._placed:
            raise RecordingError(f"{results} has no frame in it")
        if self._pictures:
            self.first, self.last, self.step = 0, len(self._pictures) - 1, 1
            self._check_places()
        else:
            self.first, self.last = min(self._placed), max(self._placed)
            self.step = math.gcd(*(index - self.first for index in self._placed)) or 1
        self._nobody = Poses.empty(next(iter(self._placed.values())).skeleton)

    @property
    def count(self) -> int:
        """How many frames there are from the first to the last."""
        return (self.last - self.first) // self.step + 1

    def wanted(self, shot: Shot) -> bool:
        """Whether a frame was looked at."""
        return self.first <= shot.index and (shot.index - self.first) % self.step == 0

    def of(self, shot: Shot) -> Poses | None:
        """The people of a frame; None for a picture without a result.

        Raises
        ------
        RecordingError
            When they were found in a frame of another size.
        """
        poses = self._of_picture(shot) if self._pictures else self._placed.get(shot.index)
        if poses is None:
            return None if self._pictures else self._nobody
        height, width = shot.frame.shape[:2]
        if poses.frame_size not in (None, (width, height)):
            theirs = "x".join(map(str, poses.frame_size or ()))
            raise RecordingError(
                f"{self._results} is of frames of {theirs} px, and {self._source} has "
                f"{width}x{height}; name what it was made from"
            )
        return poses

    def _check_places(self) -> None:
        if not self._named and len(self._placed) > 1 and max(self._placed) > self.last:
            raise RecordingError(
                f"{self._results} is of frame {max(self._placed)} too and does not name pictures, "
                f"and {self._source} has {len(self._pictures)}; name what it was made from"
            )

    def _of_picture(self, shot: Shot) -> Poses | None:
        if len(self._pictures) == 1 and len(self._placed) == 1:
            return next(iter(self._placed.values()))
        if not self._named:
            return self._placed.get(shot.index)
        picture = self._pictures[shot.index]
        names = (
            str(picture.path),
            str(picture.path.absolute()),
            picture.stem.as_posix(),
            picture.path.name,
            picture.path.stem,
        )
        return next((self._named[name] for name in names if name in self._named), None)

    def _of_video(self, found: Sequence[Poses]) -> list[Poses]:
        sources = {one.source for one in found}
        # OpenPose's files are one a frame, and each has a name of its own.
        if len(sources) < 2 or len({one.index for one in found}) == len(found):
            return list(found)
        path = Path(self._source)
        for name in (self._source, path.name, path.stem):
            if name in sources:
                return [one for one in found if one.source == name]
        raise RecordingError(
            f"{self._results} holds several sources, such as {min(map(str, sources))}, and "
            f"none called {path.name}; choose one with --source NAME"
        )


def _by_names(found: Iterable[Poses]) -> dict[str, Poses]:
    """Results by what pictures may be called: as they were named, and by ends of it that differ."""
    whole = {one.source: one for one in found if one.source is not None}
    ends: list[tuple[str, Poses]] = []
    for source, one in whole.items():
        path = Path(source)
        ends += [(name, one) for name in {path.name, path.stem}]
    often = Counter(name for name, _ in ends)
    return {name: one for name, one in ends if often[name] == 1} | whole
