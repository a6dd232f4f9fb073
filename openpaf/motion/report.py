"""What was done to whom: the table that a second pass ends with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from openpaf.motion.trail import EXCHANGED, FILLED, OUTLIER, Trail


@dataclass
class PersonReport:
    """One person. The last five count keypoints.

    Attributes
    ----------
    id : int
    joined : list of int
        Ids that were found to be the same person; they are now `id`.
    first, last : float
        Seconds between which they are seen.
    seen : int
        Frames they are seen in.
    dropped : str or None
        Why they are not in the result.
    cutoff : float or None
        Hz, where a filter with a cut-off was used.
    keypoints, exchanged, outliers, filled, missing : int
        Found at first; put on the other side; taken out; put in; and what is missing in the end
        between first and last.
    """

    id: int
    joined: list[int] = field(default_factory=list)
    first: float = 0.0
    last: float = 0.0
    seen: int = 0
    dropped: str | None = None
    cutoff: float | None = None
    keypoints: int = 0
    exchanged: int = 0
    outliers: int = 0
    filled: int = 0
    missing: int = 0

    def count(self, trail: Trail) -> None:
        """Add what is marked in a part of the person's trail."""
        filled = (trail.marks & FILLED) > 0
        outliers = (trail.marks & OUTLIER) > 0
        found = np.isfinite(trail.keypoints[..., 0])
        self.keypoints += int(((found & ~filled) | outliers).sum())
        self.exchanged += int(((trail.marks & EXCHANGED) > 0).sum())
        self.outliers += int(outliers.sum())
        self.filled += int(filled.sum())
        self.missing += int((~found).sum())


@dataclass
class Report:
    """Everybody of a recording, those that were dropped included.

    Attributes
    ----------
    people : list of PersonReport
        In order of their ids.
    frames : int
        Frames of the result.
    missing_frames : int
        Of these, frames that the recording lacks and that were put in.
    frame_rate : float
        Frames a second, from the times.
    """

    people: list[PersonReport] = field(default_factory=list)
    frames: int = 0
    missing_frames: int = 0
    frame_rate: float = 0.0

    def __getitem__(self, who: int) -> PersonReport:
        """Give the report of a person by id."""
        return next(person for person in self.people if person.id == who)

    @property
    def kept(self) -> list[PersonReport]:
        """Those who are in the result."""
        return [person for person in self.people if person.dropped is None]

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)
