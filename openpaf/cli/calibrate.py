"""`openpaf calibrate`: a model and human labels in, the same model with a calibrated card out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import Card, Device, Looks, NetHeight, Threads, read_any_card, read_card
from openpaf.cli.tables import figures, show
from openpaf.errors import ConfigError, OutputError
from openpaf.files import replacing

if TYPE_CHECKING:
    from openpaf.evaluate import KeypointFolder
    from openpaf.evaluate.calibration import Fit
    from openpaf.models import ModelCard, PartsCard, WindowCard

Found = TypeVar("Found")


def command(
    model: Annotated[
        str, typer.Argument(help="An .onnx, .xml or .pt network, or the name of a pulled one.")
    ],
    folder: Annotated[
        Path,
        typer.Argument(help="Holds images/ and person_keypoints.json, labelled by humans."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Copy of an .onnx, calibrated, or a .toml card for a network of another kind.",
            show_default="MODEL itself for an .onnx, else its .toml",
        ),
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="The JSON file, where it is somewhere else.")
    ] = None,
    card: Card = None,
    net_height: NetHeight = None,
    looks: Looks = "one",
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Learn from human labels how a network's output is read, and keep it in its model card.

    Finds how far from their labels parts are found, which thresholds find most people, and what
    scores mean: after it a person's score is the probability that the person is right (OKS 0.5 or
    more), a part's that it is within half its OKS radius, and --min-score is where F1 is best.

    Of a network that looks at windows of people (for --refine) it learns what scores mean once the
    bundled network has found somebody and it has looked again.

    Use pictures that neither trained the network nor will judge it; a thousand people are enough.

    openpaf calibrate mine.onnx ../coco_train

    openpaf calibrate human-pose-estimation-0001 ../coco_train --out pose.toml
    """
    from openpaf.evaluate import read_folder
    from openpaf.models import WindowCard, find_model
    from openpaf.session import open_runtime

    dataset = read_folder(folder, annotations)
    path = find_model(model)
    target = out or path.with_suffix(".onnx" if path.suffix == ".onnx" else ".toml")
    if target.suffix not in (".onnx", ".toml"):
        raise OutputError(f"{target} must be an .onnx network or a .toml card")
    if target.suffix == ".onnx" and path.suffix != ".onnx":
        raise OutputError(
            f"{target} cannot be made of {path.name}, only of an .onnx network; pass a .toml card"
        )
    options = {"device": device, "net_height": net_height, "looks": looks, "threads": threads}
    if isinstance(read_any_card(card), WindowCard):
        beside = path.with_suffix(".toml")
        raise ConfigError(
            f"the card of a window network lies beside it: {beside}; leave out --card"
        )
    given = read_card(card)
    known = open_runtime(path, device=device, card=given).card
    if isinstance(known, WindowCard):
        calibrated: PartsCard = _second_look(known, path, dataset, options)
    else:
        calibrated = _fields(model, given, dataset, options)
    _write(calibrated, path, target)
    warn(f"written: {target}")


def _fields(
    model: str, card: ModelCard | None, dataset: KeypointFolder, options: dict[str, Any]
) -> ModelCard:
    from openpaf.engine import Engine
    from openpaf.evaluate.calibration import calibrate

    with Engine(model, card=card, **options) as engine:
        fit = _with_bar(partial(calibrate, engine, dataset))
        _print(fit)
        return replace(engine.card, calibration=fit.calibration)


def _second_look(
    card: WindowCard, path: Path, dataset: KeypointFolder, options: dict[str, Any]
) -> WindowCard:
    from openpaf.decoder import DecoderConfig
    from openpaf.engine import Engine
    from openpaf.evaluate.second_look import LOWEST, calibrate_second_look

    decoder = DecoderConfig(min_score=LOWEST)
    with Engine(decoder=decoder, refine=path, **options) as engine:
        fit = _with_bar(partial(calibrate_second_look, engine, dataset))
        show(
            f"{fit.images} pictures, {fit.found} people found by {engine.card.name}, "
            "looked at once more and judged"
        )
        return replace(card, person=fit.person, part=fit.part)


def _with_bar(learn: Callable[..., Found]) -> Found:
    with progress_bar() as bar:
        task = bar.add_task("looking", total=None)
        return learn(
            progress=lambda done, total: bar.update(
                task,
                completed=done,
                total=total,
                description="looking" if done < total else "fitting",
            )
        )


def _print(fit: Fit) -> None:
    calibration = fit.calibration
    show(
        f"{fit.images} pictures, {fit.people} people labelled, {fit.found} found and judged",
        "parts are moved by {:+.2f}, {:+.2f} frame px (x, y)".format(*calibration.offset),
        f"peak_threshold {calibration.peak_threshold:g}, "
        f"paf_threshold {calibration.paf_threshold:g}, min_score {calibration.min_score:g}",
        "",
    )
    table = figures("peak_threshold", "paf_threshold", "AP here")
    for (peak, paf), ap in fit.ap.items():
        table.add_row(f"{peak:g}", f"{paf:g}", f"{ap:.3f}")
    show(table)


def _write(card: PartsCard, source: Path, target: Path) -> None:
    with replacing(target) as written:
        if target.suffix == ".toml":
            written.write_text(card.to_toml(), "utf-8")
            return
        import onnx

        from openpaf.export.onnx import describe

        network = onnx.load(source)
        describe(network, card)
        onnx.save(network, written)
