"""Which files there are, and the shards they are done in."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from openpaf.batch.job import Job
from openpaf.errors import OutputError, SourceError
from openpaf.files import replacing
from openpaf.sources.listing import SUFFIXES, is_drawn

VIDEOS = (
    ".264", ".265", ".3g2", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".h264", ".h265",
    ".hevc", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
)  # fmt: skip

_LEAST_PICTURES, _MOST_PICTURES, _SHARDS = 8, 500, 512


@dataclass(frozen=True)
class Shard:
    """A share of the work that one worker does alone: one video, or some pictures.

    Attributes
    ----------
    name : str
        Its parts are called after it.
    video : bool
    files : tuple of str
        Relative to the input folder, with forward slashes.
    bytes : int
        Of all its files together, when they were planned.
    """

    name: str
    video: bool
    files: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class Plan:
    """What is to be done, biggest first, and how much there is in all."""

    todo: list[Shard]
    shards: list[Shard]
    other_files: int

    @property
    def files(self) -> int:
        """How many files the whole run has."""
        return sum(len(shard.files) for shard in self.shards)


def make_plan(job: Job) -> Plan:
    """Plan what is new in the input folder, and leave out what has been done.

    Shards planned before keep their names and files. Those with a file that failed are done again.

    Raises
    ------
    SourceError
        When there is nothing to do it with: no input, or neither picture nor video in it.
    OutputError
        When the plan cannot be written, or the one that is there cannot be read.
    """
    found, others = _find(job)
    path = job.progress / "plan.ndjson"
    shards = _read(path)
    planned = {name for shard in shards for name in shard.files}
    new = {name: size for name, size in found.items() if name not in planned}
    if not shards and not new:
        raise SourceError(f"no pictures or videos in {job.input}")
    if new:
        shards += _shards(new, len(shards))
        with replacing(path) as partial:
            partial.write_text("".join(json.dumps(asdict(s)) + "\n" for s in shards), "utf-8")
    todo = [shard for shard in shards if not _is_done(job, shard)]
    # The longest first, so that no worker is left with one when the others have finished.
    todo.sort(key=lambda shard: shard.bytes, reverse=True)
    return Plan(todo, shards, others)


def _find(job: Job) -> tuple[dict[str, int], int]:
    root = Path(job.input)
    if root.is_file():
        return {root.name: root.stat().st_size}, 0
    if not root.is_dir():
        raise SourceError(f"{root} does not exist; pass a folder of pictures and videos")
    output = Path(job.output).resolve()
    found: dict[str, int] = {}
    others = 0
    # A folder that may not be read is a file that fails: it is listed with the others.
    shut: list[Path] = []
    walk = os.walk(root, onerror=lambda error: shut.append(Path(error.filename)))
    for folder, below, names in walk:
        here = Path(folder)
        below[:] = sorted(
            name for name in below if not name.startswith(".") and (here / name).resolve() != output
        )
        for name in sorted(names):
            path = here / name
            if name.startswith("."):
                continue
            if name.lower().endswith(SUFFIXES + VIDEOS) and not is_drawn(path):
                found[path.relative_to(root).as_posix()] = _size(path)
            else:
                others += 1
    if root in shut:
        raise SourceError(f"{root} cannot be read: permission denied")
    found |= {path.relative_to(root).as_posix(): 0 for path in shut}
    return found, others


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # A link to nowhere: its worker will say so.
        return 0


def _shards(files: dict[str, int], first: int) -> list[Shard]:
    pictures = [name for name in files if _is_picture(name)]
    videos = [name for name in files if not _is_picture(name)]
    # Enough shards to keep a cluster busy, none so small that starting it counts.
    step = min(max(len(pictures) // _SHARDS, _LEAST_PICTURES), _MOST_PICTURES)
    groups: list[tuple[bool, tuple[str, ...]]] = [(True, (name,)) for name in videos]
    groups += [
        (False, tuple(pictures[start : start + step])) for start in range(0, len(pictures), step)
    ]
    return [
        Shard(f"{first + place:06d}", video, names, sum(files[name] for name in names))
        for place, (video, names) in enumerate(groups)
    ]


def _read(path: Path) -> list[Shard]:
    try:
        lines = path.read_text("utf-8").splitlines()
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [Shard(**{**record, "files": tuple(record["files"])}) for record in records]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OutputError(f"{path} is not a plan that can be read: {error}") from error


def _is_done(job: Job, shard: Shard) -> bool:
    report = job.progress / "done" / f"{shard.name}.json"
    try:
        failed = json.loads(report.read_text("utf-8"))["failed"]
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{report} cannot be read: {error}; delete it") from error
    if failed:
        # Its parts may be shorter than the file is by now.
        for part in job.poses.glob(f"{shard.name}-*"):
            part.unlink()
        report.unlink()
    return not failed
