"""`openpaf calibrate`: a model and human labels in, the same model with a calibrated card out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import Card, Device, Looks, NetHeight, Threads, read_card
from openpaf.cli.tables import figures, show
from openpaf.errors import OutputError
from openpaf.files import replacing

if TYPE_CHECKING:
    from openpaf.evaluate.calibration import Fit
    from openpaf.models import ModelCard


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

    Use pictures that neither trained the network nor will judge it; a thousand people are enough.

    openpaf calibrate mine.onnx ../coco_train

    openpaf calibrate human-pose-estimation-0001 ../coco_train --out pose.toml
    """
    from openpaf.engine import Engine
    from openpaf.evaluate import read_folder
    from openpaf.evaluate.calibration import calibrate

    dataset = read_folder(folder, annotations)
    engine = Engine(
        model,
        device=device,
        net_height=net_height,
        looks=looks,
        threads=threads,
        card=read_card(card),
    )
    target = out or engine.path.with_suffix(".onnx" if engine.path.suffix == ".onnx" else ".toml")
    if target.suffix not in (".onnx", ".toml"):
        raise OutputError(f"{target} must be an .onnx network or a .toml card")
    with engine, progress_bar() as bar:
        task = bar.add_task("looking", total=len(dataset.images))
        fit = calibrate(
            engine,
            dataset,
            progress=lambda done, total: bar.update(
                task, completed=done, description="looking" if done < total else "fitting"
            ),
        )
    _print(fit)
    _write(replace(engine.card, calibration=fit.calibration), engine.path, target)
    warn(f"written: {target}")


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


def _write(card: ModelCard, source: Path, target: Path) -> None:
    with replacing(target) as partial:
        if target.suffix == ".toml":
            partial.write_text(card.to_toml(), "utf-8")
            return
        import onnx

        from openpaf.export.onnx import describe

        network = onnx.load(source)
        describe(network, card)
        onnx.save(network, partial)
