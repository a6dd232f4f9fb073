"""What one worker does: a shard after another with one engine, wherever it runs."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from openpaf.batch.job import Job, read_settings
from openpaf.batch.plan import Shard
from openpaf.batch.recording import Failure, ahead, open_video, read_picture, read_video
from openpaf.engine import Engine, NetFrame, find_people
from openpaf.errors import ModelError, OpenPafError
from openpaf.files import replacing
from openpaf.stream.shown import prepare
from openpaf.writers.rows import Row, write_part

_MOST_DEATHS = 3
_SECONDS_BETWEEN_WORDS = 1.0

Tell = Callable[[str, int, float], None]
"""Called now and then with a shard's name, its frames done so far, and the part of it done, 0-1."""


@dataclass(frozen=True)
class Report:
    """How a shard went.

    Attributes
    ----------
    shard : str
    frames : int
        Rows written.
    failed : list of dict
        One a file that could not be done in full: source, error, the frame where it happened
        first, and how many times it did.
    seconds, core_seconds : float
        By the clock, and of processor time over all threads.
    deaths : int
        How many workers had died on this shard before.
    worker : str
        Host and process id.
    fatal : str or None
        Why nothing more can be done at all.
    """

    shard: str
    frames: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    core_seconds: float = 0.0
    deaths: int = 0
    worker: str = ""
    fatal: str | None = None


class Worker:
    """One engine and the shards it is given; each lives in a process of its own."""

    def __init__(self, job: Job, tell: Tell) -> None:
        # A worker's process is its own; what FFmpeg thinks of a file is said by its report.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        self._job = job
        self._tell = tell
        self._engine: Engine | None = None
        self._settings: dict[str, Any] = {}

    def do(self, shard: Shard) -> Report:
        """Do a shard and keep its report; what ends the whole run comes back as `fatal`."""
        try:
            return self._do(shard)
        except (OpenPafError, OSError) as error:
            return Report(shard.name, fatal=str(error))

    def _do(self, shard: Shard) -> Report:
        started, started_core = time.perf_counter(), time.process_time()
        if self._engine is None:
            self._job.check_worker()
        diary = _Diary(self._job, shard)
        if self._engine is None:
            self._settings = read_settings(self._job)
            self._engine = self._job.engine()
        run = _ShardRun(self._job, shard, self._engine, self._settings, diary, self._tell)
        run.finish()
        report = Report(
            shard.name,
            run.frames,
            list(run.failed.values()),
            round(time.perf_counter() - started, 3),
            round(time.process_time() - started_core, 3),
            diary.deaths,
            f"{socket.gethostname()}:{os.getpid()}",
        )
        with replacing(self._job.progress / "done" / f"{shard.name}.json") as partial:
            partial.write_text(json.dumps(asdict(report)) + "\n", "utf-8")
        diary.close()
        return report


class _Seen(NamedTuple):
    source: str
    number: int
    seconds: float | None
    net_frame: NetFrame
    done: float


class _Failed(NamedTuple):
    source: str
    frame: int
    reason: str


class _ShardRun:
    """The frames of a shard on their way into its parts."""

    def __init__(
        self,
        job: Job,
        shard: Shard,
        engine: Engine,
        settings: dict[str, Any],
        diary: _Diary,
        tell: Tell,
    ) -> None:
        self.failed: dict[str, dict[str, Any]] = {}
        self._job, self._shard, self._engine = job, shard, engine
        self._settings, self._diary = settings, diary
        self._parts = _whole_parts(job, shard)
        self._skip = self._parts * job.part_frames
        self.frames = self._skip
        self._rows: list[Row] = []
        self._tell = tell
        self._told = time.monotonic()

    def finish(self) -> None:
        """See every frame and write every part."""
        seen = self._pictures() if not self._shard.video else self._video()
        for batch in _batches(ahead(seen, 2 * self._job.batch_size), self._job.batch_size):
            if isinstance(batch, _Failed):
                self._fail(*batch)
                continue
            self._find_people(batch)
            if time.monotonic() - self._told > _SECONDS_BETWEEN_WORDS:
                self._told = time.monotonic()
                self._tell(self._shard.name, self.frames, batch[-1].done)
        self._write()

    def _find_people(self, batch: list[_Seen]) -> None:
        """Add the rows of a batch, without the frames that the network cannot do."""
        try:
            found = find_people(self._engine, [one.net_frame for one in batch])
        except OpenPafError as error:
            if len(batch) > 1:
                for one in batch:
                    self._find_people([one])
                return
            self._check_engine()
            self._fail(batch[0].source, batch[0].number, str(error))
            return
        for one, poses in zip(batch, found, strict=True):
            self._rows.append(Row(one.source, one.number, one.seconds, poses))
            self.frames += 1
            if len(self._rows) == self._job.part_frames:
                self._write()

    def _check_engine(self) -> None:
        """Make sure it was the frame: a worker that can do none must not go through all files."""
        try:
            self._engine.detect(np.zeros((64, 64, 3), np.uint8))
        except OpenPafError as error:
            raise ModelError(f"the network fails on {socket.gethostname()}: {error}") from error

    def _write(self) -> None:
        if self._rows:
            path = _part(self._job, self._shard, self._parts)
            write_part(path, self._rows, self._settings)
            self._parts += 1
            self._rows = []

    def _fail(self, source: str, frame: int, reason: str) -> None:
        """List a file, once: what went wrong first, where, and how often in all."""
        self.failed.setdefault(
            source, {"source": source, "frame": frame, "error": reason, "times": 0}
        )["times"] += 1

    def _pictures(self) -> Iterator[_Seen | _Failed]:
        for place, source in enumerate(self._shard.files, 1):
            path = self._job.root / source
            if self._diary.deadly(source):
                yield _Failed(source, 0, _DEADLY)
                continue
            self._diary.write(source)
            try:
                net_frame = self._engine.prepare(read_picture(path))
            except OpenPafError as error:
                yield _Failed(source, 0, str(error))
                continue
            yield _Seen(source, 0, None, net_frame, place / len(self._shard.files))

    def _video(self) -> Iterator[_Seen | _Failed]:
        (source,) = self._shard.files
        if self._diary.deadly(source):
            yield _Failed(source, self._skip, _DEADLY)
            return
        self._diary.write(source)
        self._engine.settle()
        try:
            video = open_video(self._job.root / source, self._job.span(self._skip))
        except OpenPafError as error:
            yield _Failed(source, 0, str(error))
            return
        for shot in read_video(video):
            if isinstance(shot, Failure):
                yield _Failed(source, *shot)
                continue
            done = min(shot.index / video.frame_count, 1.0) if video.frame_count else 0.0
            yield _Seen(source, shot.index, shot.time, prepare(self._engine, shot), done)


_DEADLY = f"its worker died {_MOST_DEATHS} times while on it"


class _Diary:
    """Which file a worker is on, kept where the one who does the shard after its death reads it.

    A line an attempt and a line a file; the last file of an attempt is the one it died on.
    """

    def __init__(self, job: Job, shard: Shard) -> None:
        path = job.progress / "doing" / f"{shard.name}.ndjson"
        attempts = _attempts(path)
        self.deaths = len(attempts)
        self._deaths_on = Counter(files[-1] for files in attempts if files)
        if sum(not files for files in attempts) >= _MOST_DEATHS:
            raise OpenPafError(
                f"workers die before they have read a file, {self.deaths} times by now; most often "
                "there is too little memory for so many: pass a smaller --workers"
            )
        self._path = path
        self._file = path.open("a", encoding="utf-8")
        self._add({"worker": f"{socket.gethostname()}:{os.getpid()}", "time": time.time()})

    def deadly(self, source: str) -> bool:
        """Whether a file has cost too many workers."""
        return self._deaths_on[source] >= _MOST_DEATHS

    def write(self, source: str) -> None:
        """Say that a file comes next."""
        self._add({"source": source})

    def close(self) -> None:
        """Forget it all: the shard is done."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _add(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def _attempts(path: Path) -> list[list[str]]:
    attempts: list[list[str]] = []
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            record = json.loads(line)
            if "worker" in record:
                attempts.append([])
            elif attempts:
                attempts[-1].append(record["source"])
    return attempts


def _part(job: Job, shard: Shard, number: int) -> Path:
    return job.poses / f"{shard.name}-{number:04d}.{job.format}"


def _whole_parts(job: Job, shard: Shard) -> int:
    """How many parts of a video are known to be full: all that are there but the last."""
    number = 0
    while shard.video and _part(job, shard, number + 1).is_file():
        number += 1
    return number


def _batches(items: Iterable[_Seen | _Failed], size: int) -> Iterator[list[_Seen] | _Failed]:
    """Put frames of one net size together as they come, up to `size`."""
    batch: list[_Seen] = []
    for item in items:
        full = len(batch) == size
        if batch and (full or isinstance(item, _Failed) or _net_size(item) != _net_size(batch[0])):
            yield batch
            batch = []
        if isinstance(item, _Failed):
            yield item
        else:
            batch.append(item)
    if batch:
        yield batch


def _net_size(seen: _Seen) -> tuple[int, int]:
    return seen.net_frame.placement.net_size
