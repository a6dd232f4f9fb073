"""The people found in one frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpaf.equality import same
from openpaf.errors import OpenPafError, PosesError, shown
from openpaf.keywords import knows_keywords
from openpaf.part_set import PartSet, check_set, set_or_missing
from openpaf.person import Keypoint, Person, boxes_of
from openpaf.skeleton import Skeleton

if TYPE_CHECKING:
    import pandas as pd
    import supervision as sv

STYLE = ("color", "line_width", "boxes", "ids", "labels", "on_black", "blur_faces")
"""How people are drawn: the fields of `openpaf.drawing.DrawConfig`."""

__all__ = ["Keypoint", "Person", "Poses"]


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Poses:
    """Everyone found in one frame; nobody is N = 0, never None.

    The arrays are copies, read-only, and so safe to keep and to share between threads. Two are
    equal where the same people are in a frame of the same size, whenever and wherever it was taken.

    Parameters
    ----------
    keypoints : (N, K, 2) float32
        x, y in frame px (net-input px when it comes from `decode`), NaN where a part is missing.
    scores : (N, K) float32
        0 where a part is missing.
    person_scores : (N,) float32
    skeleton : Skeleton
        Gives the K parts their names.
    ids : (N,) int64 or None
        None where people are not tracked.
    frame_size : (width, height) or None
        Of the frame the coordinates refer to.
    timings : mapping of str to float
        Milliseconds each stage took.
    index : int or None
        Place of the frame in its source, from 0; None where it is not part of one.
    time : float or None
        Seconds since the first frame of the source.
    source : str or None
        What the frame comes from: a picture, video, camera or url, by name.
    picture : Path or None
        The picture file that `detect` read them from. Poses never hold pixels; what shows them
        reads it again.
    part_sets : mapping of str to PartSet
        Parts of their "hands" and "face", where those were looked for; see `hands` and `face`.

    Raises
    ------
    PosesError
        When shapes disagree, a part has a score without a position or the reverse, a score is NaN
        or infinite, or the index or time is not a number.
    """

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    person_scores: NDArray[np.float32]
    skeleton: Skeleton
    ids: NDArray[np.int64] | None = None
    frame_size: tuple[int, int] | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    index: int | None = None
    time: float | None = None
    source: str | None = None
    picture: Path | None = None
    part_sets: Mapping[str, PartSet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = len(self.skeleton.parts)
        keypoints = _owned(self.keypoints, np.float32)
        if keypoints.ndim != 3 or keypoints.shape[1:] != (parts, 2):
            raise PosesError(f"keypoints must be (N, {parts}, 2), got {keypoints.shape}")
        people = len(keypoints)
        scores = _owned(self.scores, np.float32)
        if scores.shape != (people, parts):
            raise PosesError(f"scores must be ({people}, {parts}), got {scores.shape}")
        person_scores = _owned(self.person_scores, np.float32)
        if person_scores.shape != (people,):
            raise PosesError(f"person_scores must be ({people},), got {person_scores.shape}")
        found = np.isfinite(keypoints[..., 0] + keypoints[..., 1])
        if not (found == (scores != 0)).all():
            raise PosesError(
                "a part must have finite x, y and a score that is not 0, or NaN, NaN and 0 if "
                "missing"
            )
        if not (np.isfinite(scores).all() and np.isfinite(person_scores).all()):
            raise PosesError("scores and person_scores must be finite, got NaN or infinite ones")
        if np.isinf(keypoints).any():
            raise PosesError("keypoints must be finite, or NaN where missing, got infinite ones")
        object.__setattr__(self, "keypoints", keypoints)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "person_scores", person_scores)
        if self.ids is not None:
            ids = _owned(self.ids, np.int64)
            if ids.shape != (people,):
                raise PosesError(f"ids must be ({people},) or None, got {ids.shape}")
            object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "index", _index(self.index))
        object.__setattr__(self, "time", _time(self.time))
        for name, part_set in self.part_sets.items():
            check_set(name, part_set, people)
        object.__setattr__(self, "part_sets", MappingProxyType(dict(self.part_sets)))

    @classmethod
    def empty(cls, skeleton: Skeleton, frame_size: tuple[int, int] | None = None) -> Poses:
        """Nobody: keypoints of shape (0, K, 2)."""
        parts = len(skeleton.parts)
        return cls(
            np.empty((0, parts, 2), np.float32),
            np.empty((0, parts), np.float32),
            np.empty(0, np.float32),
            skeleton,
            frame_size=frame_size,
        )

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4) x0, y0, x1, y1 around the keypoints found; NaN for a person without any."""
        return boxes_of(self.keypoints)

    @property
    def xyn(self) -> NDArray[np.float32]:
        """(N, K, 2) keypoints as shares of the frame's width and height; NaN where missing.

        Raises
        ------
        PosesError
            When the size of the frame is not known.
        """
        if self.frame_size is None:
            raise PosesError("xyn needs the size of the frame, and these poses have no frame_size")
        return np.asarray(self.keypoints / np.array(self.frame_size), np.float32)

    @property
    def hands(self) -> PartSet:
        """21 parts of each hand, (N, 2, 21, 2): left, then right; NaN where none was found.

        `detect(frame, hands=True)` looks for them.
        """
        return set_or_missing(self.part_sets, "hands", len(self))

    @property
    def face(self) -> PartSet:
        """70 parts of each face, (N, 70, 2), as OpenPose has them; NaN where none was found.

        `detect(frame, face=True)` looks for them.
        """
        return set_or_missing(self.part_sets, "face", len(self))

    def __len__(self) -> int:
        return len(self.keypoints)

    def __eq__(self, other: object) -> bool:
        arrays = ("keypoints", "scores", "person_scores", "ids")
        return same(self, other, *arrays, "skeleton", "frame_size", "part_sets")

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        # The read-only view of a mapping cannot be pickled; what it shows can.
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return partial(Poses, **{**values, "part_sets": dict(self.part_sets)}), ()

    def __iter__(self) -> Iterator[Person]:
        return (self[n] for n in range(len(self)))

    @overload
    def __getitem__(self, which: int) -> Person: ...
    @overload
    def __getitem__(self, which: slice | NDArray[Any] | list[int]) -> Poses: ...
    def __getitem__(self, which: int | slice | NDArray[Any] | list[int]) -> Person | Poses:
        """`poses[0]` is a `Person`; a slice, a mask or a list of indices gives `Poses`."""
        if isinstance(which, (int, np.integer)):
            return Person(
                self.keypoints[which],
                self.scores[which],
                float(self.person_scores[which]),
                None if self.ids is None else int(self.ids[which]),
                self.skeleton,
                {name: one[which] for name, one in self.part_sets.items()},
            )
        return replace(
            self,
            keypoints=self.keypoints[which],
            scores=self.scores[which],
            person_scores=self.person_scores[which],
            ids=None if self.ids is None else self.ids[which],
            part_sets={name: one[which] for name, one in self.part_sets.items()},
        )

    def __repr__(self) -> str:
        people = "1 person" if len(self) == 1 else f"{len(self)} people"
        size = "" if self.frame_size is None else " in {}x{}".format(*self.frame_size)
        return f"<Poses {people}, {self.skeleton.name}{size}>"

    @knows_keywords("poses.draw()", also=("config", "fps", *STYLE))
    def draw(self, frame: Any = None, **style: Any) -> NDArray[np.uint8]:
        """Skeletons over a copy of the frame, (H, W, 3) uint8 BGR; see `openpaf.draw`.

        Without a frame: over the picture that `detect` was given the path of.
        """
        from openpaf.drawing import draw_known

        return draw_known(self, frame, **style)

    @knows_keywords("poses.save()", also=("config", *STYLE))
    def save(self, path: str | PathLike[str], frame: Any = None, **style: Any) -> Path:
        """Write to a .json, .ndjson, .csv, .parquet, .jpg or .png; see `openpaf.writers.save`.

        Pictures are drawn in a style as `openpaf.draw` takes it, such as `on_black=True`.
        """
        from openpaf.writers.save import save

        return save(self, path, frame, **style)

    @knows_keywords("poses.show()", also=("config", *STYLE))
    def show(self, frame: Any = None, **style: Any) -> None:
        """Show a picture, in a notebook or a viewer; see `openpaf.writers.viewer.show`."""
        from openpaf.writers.viewer import show

        show(self, frame, **style)

    def _repr_png_(self) -> bytes | None:
        """The picture for a notebook, where `detect` was given the path of one."""
        from openpaf.writers.viewer import png

        with suppress(OpenPafError):  # A picture that has gone must not hide the people.
            return png(self)
        return None

    def _repr_html_(self) -> str | None:
        """A table for a notebook that has no picture to show."""
        from openpaf.interop import to_html

        return None if self._repr_png_() else to_html(self)

    def to_openpose(self) -> dict[str, Any]:
        """OpenPose's JSON object of one frame; see `openpaf.interop.to_openpose`."""
        from openpaf.interop import to_openpose

        return to_openpose(self)

    def to_coco(self, image_id: int) -> list[dict[str, Any]]:
        """COCO keypoint results, 17 parts a person; see `openpaf.interop.to_coco`."""
        from openpaf.interop import to_coco

        return to_coco(self, image_id)

    def to_supervision(self) -> sv.KeyPoints:
        """`supervision.KeyPoints`; see `openpaf.interop.to_supervision`."""
        from openpaf.interop import to_supervision

        return to_supervision(self)

    def to_dataframe(self) -> pd.DataFrame:
        """One row a keypoint found; see `openpaf.interop.to_dataframe`."""
        from openpaf.interop import to_dataframe

        return to_dataframe(self)


def _owned(values: ArrayLike, dtype: type[np.generic]) -> NDArray[Any]:
    array = np.array(values, dtype, order="C")
    array.flags.writeable = False
    return array


def _index(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise PosesError(f"index must be a whole number or None, got {shown(value)}")
    return int(value)


def _time(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, bool) and isinstance(value, (int, float, np.integer, np.floating)):
        with suppress(OverflowError):
            seconds = float(value)
            if math.isfinite(seconds):
                return seconds
    raise PosesError(f"time must be a finite number or None, got {shown(value)}")
