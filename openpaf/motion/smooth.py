"""The second pass: a survey of the whole recording, then every step block by block.

Memory does not grow with the recording: all steps look a few seconds around, so a block is worked
on with so many seconds before and behind it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from openpaf.errors import OpenPafWarning
from openpaf.motion.block import Block
from openpaf.motion.choice import choose
from openpaf.motion.config import SmoothConfig
from openpaf.motion.cutoff import FALLBACK, LEAST, find_cutoff
from openpaf.motion.filters import smooth_trail
from openpaf.motion.gaps import fill_gaps
from openpaf.motion.ids import chosen, with_ids
from openpaf.motion.outliers import remove_outliers
from openpaf.motion.records import Record, Recording
from openpaf.motion.region import region_of
from openpaf.motion.report import PersonReport, Report
from openpaf.motion.sides import mend_sides
from openpaf.motion.survey import Survey, survey
from openpaf.motion.trail import Trail
from openpaf.poses import Poses

# Seconds of missing frames that are put in; a longer break stays one.
_LONGEST_BREAK = 60.0
_BLOCK_FRAMES = 2048
_MARGIN_SECONDS = 5.0
# Filters with a cut-off.
_CUTTING = ("butterworth", "gaussian")


class Smoothing:
    """A recording's second pass; making one reads it for the first time.

    Parameters
    ----------
    recording : Recording
        From `open_recording`, or a `Block`.
    config : SmoothConfig, optional
    block_frames : int
        Frames that are worked on at once.
    tell : function of a float, optional
        Called with the share of the work that is done, 0 to 1.

    Attributes
    ----------
    report : Report
        Complete when all blocks have been taken.
    survey : Survey

    Raises
    ------
    RecordingError
        When the recording cannot be read, or the person asked for is not there.
    """

    def __init__(
        self,
        recording: Recording,
        config: SmoothConfig | None = None,
        *,
        block_frames: int = _BLOCK_FRAMES,
        tell: Callable[[float], None] | None = None,
    ) -> None:
        self._recording = recording
        self.config = config or SmoothConfig()
        self._inside = region_of(self.config)
        self._tell = tell or (lambda share: None)
        person = self.config.person
        box = person if isinstance(person, tuple) else None
        self.survey: Survey = survey(self._records(0.0), box)
        self._new_ids, people = choose(self.survey, self.config)
        self._people = {person.id: person for person in people}
        self.report = Report(people, frame_rate=self.survey.frame_rate)
        cutoff = LEAST if self.config.cutoff == "auto" else self.config.cutoff
        seconds = max(
            _MARGIN_SECONDS, 8 / cutoff, 2 * self.config.max_gap + 1, 2 * self.config.window
        )
        self._margin = math.ceil(seconds / self.survey.step)
        self._block = max(block_frames, 2 * self._margin)

    def blocks(self) -> Iterator[Block]:
        """Give the result in blocks that follow one another."""
        rows: list[Record] = []
        lead = 0
        for row in self._with_missing_frames(self._records(0.5)):
            rows.append(row)
            if len(rows) == lead + self._block + self._margin:
                yield self._worked(rows, lead, lead + self._block)
                rows = rows[lead + self._block - self._margin :]
                lead = self._margin
        if len(rows) > lead:
            yield self._worked(rows, lead, len(rows))
        if self.config.filter in _CUTTING:
            for person in self.report.kept:
                person.cutoff = person.cutoff or FALLBACK
        self._tell(1.0)

    def heights(self, who: int) -> list[float]:
        """Body heights of a person, px, over the recording; see `survey.body_height`."""
        mine = [old for old, new in self._new_ids.items() if new == who]
        return [height for old in mine for height in self.survey.stays[old].heights]

    def _records(self, done: float) -> Iterator[Record]:
        """Give every frame with the people inside the region; half of the work each time."""
        for number, record in enumerate(with_ids(self._recording.records())):
            if number % 64 == 0:
                self._tell(done + self._recording.share / 2)
            if self._inside is not None and len(record.poses):
                boxes = record.poses.boxes.astype(np.float64)
                inside = self._inside((boxes[:, :2] + boxes[:, 2:]) / 2)
                record = chosen(record, record.poses, inside)
            yield record

    def _with_missing_frames(self, records: Iterator[Record]) -> Iterator[Record]:
        before: Record | None = None
        for record in records:
            if before is not None:
                steps = round((record.frame - before.frame) / self.survey.frame_step)
                gone = record.time - before.time
                if steps > 1 and gone > _LONGEST_BREAK:
                    warnings.warn(
                        f"{gone:.0f} s are missing after {before.time:.2f} s; nothing is put in",
                        OpenPafWarning,
                        stacklevel=2,
                    )
                elif steps > 1:
                    self.report.missing_frames += steps - 1
                    yield from _between(before, record, steps)
            yield self._renamed(record)
            before = record

    def _renamed(self, record: Record) -> Record:
        if not len(record.poses) or record.poses.ids is None:
            return record
        ids = np.array([self._new_ids.get(who, -1) for who in record.poses.ids.tolist()], np.int64)
        return chosen(record, replace(record.poses, ids=ids), ids >= 0)

    def _worked(self, rows: list[Record], start: int, stop: int) -> Block:
        whole = Block.of(rows)
        trails = []
        for trail in whole:
            done = self._smoothed(trail, self._people[trail.id]).rows(start, stop)
            if done is not None:
                trails.append(done)
                self._people[trail.id].count(done)
        self.report.frames += stop - start
        part = slice(start, stop)
        return replace(
            whole,
            frames=whole.frames[part],
            times=whole.times[part],
            names=whole.names[part],
            trails=tuple(trails),
            # Nobody's skeleton is not always known.
            skeleton=whole.skeleton if trails else self.survey.skeleton or whole.skeleton,
        )

    def _smoothed(self, trail: Trail, person: PersonReport) -> Trail:
        config = self.config
        if config.sides:
            trail = mend_sides(trail)
        if config.outliers:
            trail = remove_outliers(trail)
        trail = fill_gaps(trail, config.max_gap)
        if config.filter in _CUTTING and person.cutoff is None:
            # Once a person, so that all of their blocks are filtered alike; tried again in the next
            # block as long as too little of them was seen to tell.
            cutoff = config.cutoff
            person.cutoff = find_cutoff(trail, config.order) if cutoff == "auto" else float(cutoff)
        return smooth_trail(trail, config, person.cutoff or FALLBACK)


def _between(before: Record, after: Record, steps: int) -> Iterator[Record]:
    """Frames without anybody for those that are missing, at even times."""
    nobody = Poses.empty(after.poses.skeleton, after.poses.frame_size)
    for step in range(1, steps):
        share = step / steps
        yield Record(
            round(before.frame + share * (after.frame - before.frame)),
            before.time + share * (after.time - before.time),
            nobody,
        )
