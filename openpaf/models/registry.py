"""Published models by name: what is known of each, and where its file lies on this machine.

Nothing here downloads unless `fetch` is called. Files lie in `OPENPAF_CACHE`, else in
`OPENPAF_HOME/cache`, else where the system keeps caches.
"""

from __future__ import annotations

import difflib
import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import openpaf_weights
from openpaf.address import is_url, without_secrets
from openpaf.errors import ConfigError, ModelNotFoundError
from openpaf.models.download import Progress, RemoteFile, download
from openpaf.skeleton import SKELETONS, Skeleton

DEFAULT = "default"
"""Name of the model that comes with openpaf."""

SUFFIXES = (".onnx", ".xml", ".pt")
"""Of the files that hold a network."""


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """What the registry knows of a model.

    Attributes
    ----------
    name, summary : str
    files : tuple of RemoteFile
        What `fetch` gets; empty for a bundled model.
    folder : str
        Folder of the files in the cache; two models made from the same files share one.
    bundled : str
        File that comes with openpaf, or empty.
    layout : str
        Network layout a fetched file is converted as, "tf-pose", or empty where it runs as it is.
    skeleton : Skeleton
    stride : int
        Net-input px a field cell.
    colors : str
        "BGR" or "RGB", the order of the network's input channels.
    scale, offset : float
        The network takes pixel * scale + offset, pixels 0 to 255.
    license, use, training_data, paper : str
        `use` says who may use it for what.
    ap : float, optional
        Published OKS-AP x 100, measured on `ap_on`.
    """

    name: str
    summary: str
    skeleton: Skeleton
    stride: int
    colors: str
    scale: float
    offset: float
    license: str
    use: str
    training_data: str
    paper: str = ""
    files: tuple[RemoteFile, ...] = ()
    folder: str = ""
    bundled: str = ""
    layout: str = ""
    ap: float | None = None
    ap_on: str = ""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where `fetch` puts the files."""
        folder = cache_folder() / "weights" / self.folder
        return tuple(folder / file.name for file in self.files)

    @property
    def model_path(self) -> Path:
        """The file an engine runs, there or not: the fetched one or what it is converted to."""
        if self.bundled:
            return openpaf_weights.bundled_model(self.bundled)
        return self.paths[0].with_name(f"{self.name}.onnx") if self.layout else self.paths[0]

    @property
    def is_here(self) -> bool:
        """Whether an engine can run it now."""
        needed = () if self.bundled or self.layout else self.paths
        return all(path.is_file() for path in (self.model_path, *needed))


def cache_folder() -> Path:
    """Folder of everything openpaf downloads."""
    import platformdirs

    try:
        if os.environ.get("OPENPAF_CACHE"):
            return Path(os.environ["OPENPAF_CACHE"]).expanduser()
        if os.environ.get("OPENPAF_HOME"):
            return Path(os.environ["OPENPAF_HOME"]).expanduser() / "cache"
        return platformdirs.user_cache_path("openpaf")
    except RuntimeError:
        # A user without a home, as in many containers.
        return _private_temporary_folder()


def _private_temporary_folder() -> Path:
    """A folder that nobody else can have put anything into."""
    folder = Path(tempfile.gettempdir()) / f"openpaf-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or not stat.S_ISDIR(status.st_mode):
        raise ConfigError(
            f"there is no home folder for downloads and {folder} is not safe; set OPENPAF_CACHE"
        )
    return folder


@cache
def registry() -> Mapping[str, ModelRecord]:
    """Every known model by name."""
    return parse_registry(openpaf_weights.registry_text())


def record(name: str) -> ModelRecord:
    """What the registry knows of a model.

    Raises
    ------
    ModelNotFoundError
        When it knows no such model; the message suggests what may have been meant.
    """
    if name in registry():
        return registry()[name]
    close = difflib.get_close_matches(name, registry(), n=1)
    hint = f"did you mean {close[0]}?" if close else "openpaf weights list names them all"
    raise ModelNotFoundError(f"{name!r} is neither a file nor a known model; {hint}")


def find(name: str = DEFAULT) -> Path:
    """Path of the model file of a name, without downloading anything.

    Parameters
    ----------
    name : str
        A name of the registry.

    Raises
    ------
    ModelNotFoundError
        When the name is unknown or its file is not on this machine; the message says which command
        fetches it.
    """
    found = record(name)
    if found.is_here:
        return found.model_path
    if found.bundled:
        raise ModelNotFoundError(
            f"this installation has no {found.bundled}; pass a model file, or the name of a model "
            "from openpaf weights list"
        )
    raise ModelNotFoundError(
        f"{name} is not on this machine ({found.license}); run: openpaf weights pull {name}"
    )


def find_model(model: str | Path | None) -> Path:
    """File of a model: the bundled one, a path, or a name fetched before.

    Raises
    ------
    ModelNotFoundError
        When there is no model of that name on this machine.
    """
    if isinstance(model, str) and is_url(model):
        raise ModelNotFoundError(
            f"{without_secrets(model)} is a url, and models are not fetched here; download it, or "
            "see openpaf weights list"
        )
    path = None if model is None else Path(model)
    if path is not None and (path.suffix in SUFFIXES or path.exists()):
        return path
    return find() if path is None else find(str(model))


def fetch(
    model: ModelRecord, *, trust: bool = False, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Download what is missing of a model's files.

    Parameters
    ----------
    model : ModelRecord
    trust : bool
        Accept files nobody published a checksum for.
    progress : callable, optional
        Called with the bytes that are there and the bytes expected of the current file.

    Raises
    ------
    DownloadError, ChecksumError, OutputError
        See `download`.
    """
    for file, path in zip(model.files, model.paths, strict=True):
        download(file, path, trust=trust, progress=progress)
    return model.paths


def made_from(path: Path) -> list[ModelRecord]:
    """Models that are made from a file on this machine, told by its checksum."""
    return [
        model for model in registry().values() if any(file.is_file(path) for file in model.files)
    ]


def parse_registry(text: str) -> dict[str, ModelRecord]:
    """Read a registry.

    Raises
    ------
    ConfigError
        When it is not TOML, or an entry has an unknown key, lacks one, or a value cannot work.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the registry is not TOML: {error}") from error
    return {name: _parse_record(name, table, tables) for name, table in tables.items()}


def _parse_record(name: str, table: Any, tables: Mapping[str, Any]) -> ModelRecord:
    if not isinstance(table, dict):
        raise ConfigError(f"registry entry {name} must be a table, got {table!r}")
    values = dict(table)
    owner = values.pop("files_of", name)
    if owner != name and "files" not in tables.get(owner, {}):
        raise ConfigError(f"registry entry {name}: files_of names {owner!r}, which has no files")
    known = {field.name for field in fields(ModelRecord)} - {"name", "folder"} | {"files_of"}
    _check_keys(f"registry entry {name}", values, known)
    files = tables[owner].get("files", [])
    values["files"] = tuple(_parse_file(f"registry entry {name}", file) for file in files)
    if bool(values["files"]) == bool(values.get("bundled")):
        raise ConfigError(f"registry entry {name} must have either files or bundled")
    if values.get("skeleton") not in SKELETONS:
        raise ConfigError(
            f"registry entry {name}: skeleton must be one of {', '.join(SKELETONS)}, "
            f"got {values.get('skeleton')!r}"
        )
    values["skeleton"] = SKELETONS[values["skeleton"]]
    try:
        return ModelRecord(name=name, folder=owner, **values)
    except TypeError as error:
        raise ConfigError(f"registry entry {name}: {error}") from error


def _parse_file(where: str, table: Mapping[str, Any]) -> RemoteFile:
    _check_keys(f"{where}, files", table, {field.name for field in fields(RemoteFile)})
    name, urls = table.get("name"), table.get("urls", [])
    if not isinstance(name, str) or Path(name).name != name:
        raise ConfigError(f"{where}: a file's name must be a plain file name, got {name!r}")
    if not urls or not all(str(url).startswith(("https://", "http://")) for url in urls):
        raise ConfigError(f"{where}: {name} needs urls that begin with https:// or http://")
    return RemoteFile(**{**table, "urls": tuple(urls)})


def _check_keys(where: str, table: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigError(
            f"{where} has an unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
