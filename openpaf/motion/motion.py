"""A recording in memory: everybody's keypoints over time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from openpaf.motion.block import Block
from openpaf.motion.config import SmoothConfig
from openpaf.motion.formats import write
from openpaf.motion.ids import with_ids
from openpaf.motion.readers import open_recording
from openpaf.motion.report import Report
from openpaf.motion.scale import Scale
from openpaf.motion.smooth import Smoothing


@dataclass(frozen=True, eq=False, repr=False)
class Motion(Block):
    """A whole recording: a block that can be read, smoothed and written.

    `motion[3]` is the trail of the person with id 3, iteration gives all of them. Attributes are
    those of `Block`.
    """

    @classmethod
    def read(
        cls, path: str | Path, *, frame_rate: float | None = None, source: str | None = None
    ) -> Motion:
        """Read a whole recording; see `open_recording` for what can be read.

        Raises
        ------
        RecordingError
            When it is not a recording, or its times do not go forwards.
        """
        recording = open_recording(path, frame_rate=frame_rate, source=source)
        return cls.of(list(with_ids(recording.records())))

    def smooth(self, config: SmoothConfig | None = None) -> tuple[Motion, Report]:
        """Join, mend, fill and filter everybody; see `SmoothConfig`.

        Returns
        -------
        Motion
        Report
            What was done to whom.
        """
        smoothing = Smoothing(self, config)
        return Motion.concatenate(smoothing.blocks()), smoothing.report

    def write(self, *paths: str | Path, scale: Scale | None = None) -> list[Path]:
        """Write it in the forms that the paths' suffixes say; see `openpaf.motion.formats`.

        Parameters
        ----------
        *paths : str or Path
        scale : Scale, optional
            TRC and C3D are in metres and need one.

        Returns
        -------
        list of Path
            The files: forms that hold one person become a file a person.

        Raises
        ------
        ConfigError
            When there is no such form, or it needs a scale.
        OutputError
            When it cannot be written.
        """
        return write([self], [Path(path) for path in paths], scale)
