"""What a batch run is to do, and the folder it does it in.

    OUTPUT/run.json              what the rows were made with; a run goes on only with the same
    OUTPUT/poses/00012-0003.*    rows: part 3 of shard 12, there whole or not at all
    OUTPUT/failed.ndjson         the files that could not be done, and why
    OUTPUT/progress/plan.ndjson  which files each shard holds; never rewritten, only added to
    OUTPUT/progress/done/        a report a shard that is done
    OUTPUT/progress/doing/       what each worker is on, and what it died on

A part has one name, given by the plan, and appears under it by a rename. However often a shard is
done, by whichever worker, its rows are there once.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from openpaf import __version__
from openpaf.decoder.config import DecoderConfig
from openpaf.engine import Engine
from openpaf.errors import ConfigError, ModelError, OutputError
from openpaf.files import replacing
from openpaf.models import find_model
from openpaf.models.card import ModelCard
from openpaf.skeleton_table import table_of
from openpaf.sources.span import Span
from openpaf.topdown.closer import find_closer_network
from openpaf.topdown.refine import LIMIT, find_window_network

FORMATS = ("parquet", "ndjson")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A batch run; plain values, so that any worker on any machine can be handed one.

    Parameters
    ----------
    input, output : str
        A folder or a file, and the folder of the results; the same on every machine.
    format : {"parquet", "ndjson"}
    model, device, net_height, threads, refine, refine_limit, hands, face
        As for `openpaf.Engine`.
    card : str, optional
        A TOML card that describes the network.
    looks, tiles
        As for `openpaf.Engine`.
    min_score : float, optional
        People of a lower score are left out, 0 to 1; the network's own value if None.
    complete : bool
        Look for the missing parts of everyone; see `openpaf.DecoderConfig`.
    batch_size : int
        Most frames a run of the network.
    part_frames : int
        Rows of a part, and so the most that a worker's death can cost.
    start, end, step
        Which frames of each video; see `openpaf.sources.open_source`.

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    input: str
    output: str
    format: str = "parquet"
    model: str | None = None
    card: str | None = None
    device: str = "auto"
    net_height: int | None = None
    looks: str = "one"
    refine: bool | str = False
    refine_limit: int = LIMIT
    hands: bool | str = False
    face: bool | str = False
    tiles: bool = False
    min_score: float | None = None
    complete: bool = False
    threads: int = 1
    batch_size: int = 1
    part_frames: int = 2000
    start: str | None = None
    end: str | None = None
    step: int = 1
    version: str = __version__

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(f"format must be parquet or ndjson, got {self.format!r}")
        for name in ("threads", "batch_size", "part_frames"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, got {value!r}")

        self.span()

    def span(self, skip: int = 0) -> Span:
        """Which frames of a video are wanted, when the first `skip` of them have been done."""
        return Span.of(self.start, self.end, self.step, skip)

    @property
    def poses(self) -> Path:
        """Folder of the rows."""
        return Path(self.output) / "poses"

    @property
    def progress(self) -> Path:
        """Folder of what is planned, being done and done."""
        return Path(self.output) / "progress"

    @property
    def root(self) -> Path:
        """Folder that the names of the files are relative to."""
        path = Path(self.input)
        return path if path.is_dir() else path.parent

    def engine(self) -> Engine:
        """Load the network; raises what `openpaf.Engine` raises."""
        return Engine(
            self.model,
            device=self.device,
            net_height=self.net_height,
            looks=self.looks,
            decoder=DecoderConfig(min_score=self.min_score, complete=self.complete),
            threads=self.threads,
            # The cores are shared with the other workers.
            spinning=False,
            refine=self.refine,
            refine_limit=self.refine_limit,
            hands=self.hands,
            face=self.face,
            tiles=self.tiles,
            card=None if self.card is None else ModelCard.from_toml(self.card),
        )

    def model_hash(self) -> str:
        """SHA-256 of everything that makes the network what it is."""
        first = find_model(self.model)
        models = [first]
        if self.refine is not False:
            models.append(find_window_network(self.refine, first))
        asked = {"hands": self.hands, "face": self.face}
        models += [
            find_closer_network(name, one, first) for name, one in asked.items() if one is not False
        ]
        files = [path.with_suffix(s) for path in models for s in (path.suffix, ".bin", ".toml")]
        digest = hashlib.sha256()
        for file in [*files, *([] if self.card is None else [Path(self.card)])]:
            if file.is_file():
                digest.update(file.read_bytes())
        return digest.hexdigest()

    def check_worker(self) -> None:
        """Make sure that this worker sees what the one who planned the run saw.

        Raises
        ------
        OutputError
            When the output folder is not there, as on a machine that does not share it.
        ModelError
            When the network or openpaf itself is another one.
        """
        try:
            settings = read_settings(self)
        except OSError as error:
            raise OutputError(
                f"a worker does not see {self.output} ({error.strerror or error}); input and "
                "output must be the same folders on every machine of the cluster"
            ) from error
        if self.version != __version__:
            raise ModelError(
                f"a worker has openpaf {__version__}, the run was planned by {self.version}; "
                "install the same version on every machine"
            )
        if settings["model_sha256"] != self.model_hash():
            raise ModelError(
                f"a worker has another network for {self.model or 'the default model'} than the "
                "run began with; use the same file on every machine and for every resumption"
            )


@contextmanager
def opened(job: Job, card: ModelCard) -> Iterator[None]:
    """Hold the output folder of a run: make it or, if it is that of this same run, go on with it.

    Raises
    ------
    OutputError
        When it cannot be written, holds something else, or is held by another run.
    """
    output = Path(job.output)
    settings = _settings(job, card)
    try:
        if output.is_dir() and any(output.iterdir()) and not (output / "run.json").is_file():
            raise OutputError(f"{output} has files of something else in it; pass a new folder")
        for folder in (job.poses, job.progress / "done", job.progress / "doing"):
            folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(job.progress / "lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise OutputError(f"{output} is being written by another openpaf batch") from None
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        reason = error.strerror or error
        raise OutputError(f"cannot write into {output}: {reason}; pass another folder") from error
    with lock:
        if (output / "run.json").is_file():
            _check_same(job, settings)
        else:
            with replacing(output / "run.json") as partial:
                partial.write_text(json.dumps(settings, indent=1) + "\n", "utf-8")
        yield


def read_settings(job: Job) -> dict[str, Any]:
    """What `run.json` says the rows were made with."""
    values: dict[str, Any] = json.loads((Path(job.output) / "run.json").read_text("utf-8"))
    return values


def _settings(job: Job, card: ModelCard) -> dict[str, Any]:
    wanted = ("input", "format", "net_height", "looks", "min_score", "part_frames", *_LATER)
    return {
        **{key: value for key, value in asdict(job).items() if key in wanted},
        # Which networks they are of is told by the hash.
        "model": card.name,
        "model_sha256": job.model_hash(),
        "hands": job.hands is not False,
        "face": job.face is not False,
        "skeleton": table_of(card.skeleton),
        "parts": list(card.skeleton.parts),
        "openpaf": job.version,
    }


# A run that was begun before there were these had their defaults.
_LATER = {
    "start": None, "end": None, "step": 1, "tiles": False, "complete": False, "hands": False,
    "face": False,
}  # fmt: skip


def _check_same(job: Job, settings: dict[str, Any]) -> None:
    try:
        before = read_settings(job)
    except (OSError, ValueError) as error:
        raise OutputError(f"{job.output}/run.json cannot be read: {error}") from error
    for key, value in settings.items():
        if key != "openpaf" and not _equal(before.get(key, _LATER.get(key)), value):
            raise OutputError(
                f"{job.output} was made with {key} {before.get(key)!r}, not {value!r}; "
                "use the same options to go on with it, or pass a new folder"
            )


def _equal(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b)
    return a == b
