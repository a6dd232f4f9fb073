"""Data of openpaf: the registry of published models and the model that needs no download."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def bundled_model(name: str) -> Path:
    """Path of a bundled file by the name the registry gives it."""
    return _HERE / name


def registry_text() -> str:
    """The registry of models, TOML."""
    return (_HERE / "registry.toml").read_text("utf-8")
