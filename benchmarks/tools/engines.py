"""The networks and runtimes that are measured beside one another, and the sizes they see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.tools.options import read_words
from openpaf import Engine, OpenPafError

RUNTIMES = {"cpu": "ONNX Runtime", "openvino": "OpenVINO"}
"""What runs where, unless other devices are asked for."""

FRAME_SIZE = (1280, 720)
"""Frames as most cameras give them, px."""

MODELS = "default,default-int8"
Models = Annotated[
    str, typer.Option(help="Names or files, comma separated; each runs on every runtime.")
]

Devices = Annotated[
    str | None,
    typer.Option(
        help="Devices to run on, comma separated, such as cuda.", show_default="cpu,openvino"
    ),
]


@dataclass(frozen=True)
class Variant:
    """A network on a runtime; `device` is the engine's option."""

    model: str
    device: str

    def record(self) -> dict[str, Any]:
        """How a row names it: a file by its name alone, wherever it lies."""
        runtime = RUNTIMES.get(self.device, f"{RUNTIMES['cpu']}, {self.device}")
        if self.model.endswith(".pt"):
            runtime = "PyTorch"
        return {"model": Path(self.model).stem, "runtime": runtime}


def variants(models: str, devices: str | None = None) -> list[Variant]:
    """Every model of a comma separated list on every device whose runtime reads such a file."""
    return [
        Variant(model, device)
        for model in read_words(models)
        for device in (RUNTIMES if devices is None else read_words(devices))
        if not model.endswith(".pt" if device == "openvino" else ".xml")
    ]


def read_size(text: str) -> dict[str, Any]:
    """Engine options of a size: `456x256` fixes the net size, `368` the net height."""
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise typer.BadParameter(f"a size is WIDTHxHEIGHT or a net height, got {text!r}")
    if len(sides) == 1:
        return {"net_height": int(text)}
    return {"net_size": (int(sides[0]), int(sides[1]))}


def look_at_all(
    models: str,
    look: Callable[[Engine], Iterable[dict[str, Any]]],
    devices: str | None = None,
    **options: Any,
) -> Iterator[dict[str, Any]]:
    """Give the rows that each variant's engine, open meanwhile, gives, or why there is none."""
    for variant in variants(models, devices):
        try:
            engine = Engine(variant.model, device=variant.device, **options)
        except OpenPafError as error:
            yield {**variant.record(), "reason": str(error)}
            continue
        with engine:
            yield from (variant.record() | row for row in look(engine))


def runtime(engine: Engine) -> str:
    """What runs an engine: the runtime, and the device where it is not the CPU."""
    if engine.provider.startswith(("OpenVINO", "PyTorch")):
        return engine.provider.removesuffix(" CPU")
    device = engine.provider.removesuffix("ExecutionProvider")
    return RUNTIMES["cpu"] + ("" if device == "CPU" else f", {device}")


def by_name(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows that have figures, apart by what a chart calls their network."""
    apart: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if "reason" not in row:
            apart.setdefault(name(row), []).append(row)
    return apart


def name(row: Mapping[str, Any]) -> str:
    """What to call a row's network in a chart."""
    return f"{row['model']}, {row['runtime']}"
