"""`openpaf info`: what is installed, what really works, and what to do about the rest."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from openpaf.cli.messages import plain
from openpaf.cli.options import Device, Model
from openpaf.errors import OpenPafError
from openpaf.selftest import doctor


def command(
    model: Model = None,
    device: Device = "auto",
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print it as JSON instead, for a bug report or a program."),
    ] = False,
) -> None:
    """Check this installation.

    Prints versions, the devices that really run a network (each one is tried), which of driver,
    CUDA, cuDNN and TensorRT is found, the models on this machine, where caches lie, a self-test of
    about three seconds, and which bundled network `run`, `webcam` and `serve` take here. What is
    wrong comes last, each with its way out, and the exit code is then 1.
    """
    problems: list[str] = []
    sections: dict[str, dict[str, str]] = {
        "machine": doctor.machine(),
        "libraries": doctor.libraries(problems),
        "models": doctor.models(),
        "folders": doctor.folders(problems),
        "devices": _devices(model),
        "NVIDIA": doctor.nvidia(),
        "self-test": {
            "decoder": doctor.try_decoder(problems),
            "network": doctor.try_network(model, device, problems),
            "streams": doctor.network_for_streams(device),
        },
    }
    if as_json:
        print(json.dumps({**sections, "problems": problems}, indent=2))
    else:
        _print(sections, problems)
    if problems:
        raise typer.Exit(1)


def _devices(model: str | None) -> dict[str, str]:
    try:
        from openpaf.models import find_model

        return doctor.devices(find_model(model))
    except OpenPafError:
        # The self-test says why.
        return {}


def _print(sections: dict[str, dict[str, Any]], problems: list[str]) -> None:
    for title, facts in sections.items():
        print(title)
        width = max(map(len, facts), default=0)
        for name, fact in facts.items():
            print(f"  {plain(name):{width}}  {plain(str(fact))}")
        if not facts:
            print("  none")
    print("problems" if problems else "all right")
    for problem in problems:
        print(f"  {plain(problem)}")
