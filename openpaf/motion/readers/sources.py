"""One video out of a file that holds several."""

from __future__ import annotations

from openpaf.errors import RecordingError

EVERY = "*"
"""Chooses all sources: for those who keep them apart by the records' names."""


class OneSource:
    """Lets through one source, and refuses a second one that was not chosen.

    Parameters
    ----------
    place : str
        What messages call the file.
    chosen : str, optional
        The only one wanted.
    """

    def __init__(self, place: str, chosen: str | None) -> None:
        self._place, self._chosen = place, chosen
        self._seen: str | None = None

    def wanted(self, source: object) -> bool:
        """Whether a frame of this source is wanted; None is a file that names none.

        Raises
        ------
        RecordingError
            When there are several and none was chosen.
        """
        if source is None or self._chosen == EVERY:
            return True
        if self._chosen is not None:
            return source == self._chosen
        if self._seen is None:
            self._seen = str(source)
        if source != self._seen:
            raise RecordingError(
                f"{self._place} holds several sources, such as {self._seen} and {source}; choose "
                "one with --source NAME"
            )
        return True
