"""Published models by name: what is known of each, and where its file lies on this machine.

Nothing here downloads unless `fetch` is called.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import openpaf_weights
from openpaf.address import is_url, without_secrets
from openpaf.errors import ConfigError, ModelNotFoundError
from openpaf.models.card import ModelCard
from openpaf.models.download import Progress, RemoteFile, cache_folder, download
from openpaf.records import check_keys

DEFAULT = "default"
"""Name of the model that comes with openpaf."""

SUFFIXES = (".onnx", ".xml", ".pt")
"""Of the files that hold a network."""


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """What the registry knows of a model.

    Attributes
    ----------
    card : ModelCard
        What the network takes, under the name it has here, its licence and its training data; of a
        fetched file that is converted, what it took before.
    summary : str
    files : tuple of RemoteFile
        What `fetch` gets; empty for a bundled model.
    folder : str
        Folder of the files in the cache; two models made from the same files share one.
    bundled : str
        File that comes with openpaf, or empty.
    layout : str
        Network layout a fetched file is converted as, "tf-pose", or empty where it runs as it is.
    use, paper : str
        `use` says who may use it for what.
    ap : float, optional
        Published OKS-AP x 100, measured on `ap_on`.
    """

    card: ModelCard
    summary: str
    use: str
    paper: str = ""
    files: tuple[RemoteFile, ...] = ()
    folder: str = ""
    bundled: str = ""
    layout: str = ""
    ap: float | None = None
    ap_on: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.card.name

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
        f"{name} is not on this machine ({found.card.license}); run: openpaf weights pull {name}"
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


# Of a card, what a registry entry says itself.
_CARD_KEYS = ("skeleton", "stride", "colors", "scale", "offset", "license", "training_data")


def _parse_record(name: str, table: Any, tables: Mapping[str, Any]) -> ModelRecord:
    where = f"registry entry {name}"
    own = {field.name for field in fields(ModelRecord)} - {"card", "folder"} | {"files_of"}
    values = dict(check_keys(table, where, own | set(_CARD_KEYS), ("summary", "use", *_CARD_KEYS)))
    owner = values.pop("files_of", name)
    if owner != name and "files" not in tables.get(owner, {}):
        raise ConfigError(f"{where}: files_of names {owner!r}, which has no files")
    values["files"] = tuple(_parse_file(where, file) for file in tables[owner].get("files", []))
    if bool(values["files"]) == bool(values.get("bundled")):
        raise ConfigError(f"{where} must have either files or bundled")
    # Ours take pixels as they are; what others published takes floating-point values.
    dtype = "uint8" if values.get("bundled") else "float32"
    about = {key: values.pop(key) for key in _CARD_KEYS}
    card = ModelCard.from_mapping({"name": name, "input_dtype": dtype, **about}, where)
    return ModelRecord(card=card, folder=owner, **values)


def _parse_file(where: str, table: Any) -> RemoteFile:
    known = {field.name for field in fields(RemoteFile)}
    check_keys(table, f"{where}, files", known, ("name", "urls"))
    name, urls = table["name"], table["urls"]
    if not isinstance(name, str) or Path(name).name != name:
        raise ConfigError(f"{where}: a file's name must be a plain file name, got {name!r}")
    if not urls or not all(str(url).startswith(("https://", "http://")) for url in urls):
        raise ConfigError(f"{where}: {name} needs urls that begin with https:// or http://")
    return RemoteFile(**{**table, "urls": tuple(urls)})
