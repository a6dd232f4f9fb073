"""Everything openpaf raises on purpose.

Each message is one line: what was wrong, what was got, what was expected, how to mend it.
Every class also inherits the builtin a caller would expect to catch.
"""

from __future__ import annotations

_SHOWN = 100


class OpenPafError(Exception):
    """Root of every error raised on purpose by openpaf."""


class ConfigError(OpenPafError, ValueError):
    """An option has a value that cannot work."""


class KeywordError(OpenPafError, TypeError):
    """A function is given a keyword that it does not know."""


class FrameError(OpenPafError, ValueError):
    """A frame is not a picture openpaf can read."""


class FieldsError(OpenPafError, ValueError):
    """Confidence maps or PAFs have the wrong shape, type or values."""


class PosesError(OpenPafError, ValueError):
    """Keypoints, scores or ids do not belong together."""


class SkeletonError(OpenPafError, ValueError):
    """A skeleton is unknown, inconsistent, or lacks a part that was asked for."""


class ModelError(OpenPafError, ValueError):
    """A model file is damaged, of the wrong kind, or has the wrong outputs."""


class ModelNotFoundError(OpenPafError, FileNotFoundError):
    """A model is neither a file nor a registry name that has been pulled."""


class GpuNotFoundError(OpenPafError, RuntimeError):
    """A part of what a GPU needs is missing; the message says which, and how to mend it."""


class MissingExtraError(OpenPafError, ImportError):
    """An optional dependency is needed for this and is not installed."""


class SourceError(OpenPafError, OSError):
    """An image, video, camera or url cannot be read."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """A picture or video file does not exist."""


class OutputError(OpenPafError, OSError):
    """A result cannot be written where it was asked for."""


class RecordingError(OpenPafError, ValueError):
    """A recording of poses is damaged, out of order, or not one that can be read."""


class DownloadError(OpenPafError, OSError):
    """A model could not be fetched from any of its mirrors."""


class ChecksumError(DownloadError):
    """A downloaded file is not the file the registry describes."""


class DatasetError(OpenPafError, ValueError):
    """Annotations or pictures of a data set cannot be used."""


class CheckpointError(OpenPafError, ValueError):
    """A training checkpoint or a published weight file cannot be loaded."""


class ExportError(OpenPafError, RuntimeError):
    """An exported model does not agree with the network it came from."""


class OpenPafWarning(UserWarning):
    """Something was done, but not in the way that was asked for."""


def first_line(error: BaseException) -> str:
    """What somebody else's error says, as one line for a message of ours."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def shown(value: object) -> str:
    """A value as the line of an error shows it: by its repr, and that by its beginning.

    Anything may be somebody's value: a list of a million, an int that Python will not write down.
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
