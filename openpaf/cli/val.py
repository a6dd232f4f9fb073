"""`openpaf val`: a folder of annotated pictures in, figures one can trust out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openpaf.cli.kernels import kernels_compiled_beside
from openpaf.cli.messages import progress_bar
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Device,
    Fast,
    Looks,
    Model,
    NetHeight,
    NetSize,
    Refine,
    RefineLimit,
    Threads,
    Tiles,
    fast_model,
    look_options,
    read_card,
    read_net_size,
)
from openpaf.cli.val_tables import print_comparison, print_report, print_sweep
from openpaf.decoder.config import DecoderConfig, OpenPoseRules
from openpaf.errors import ConfigError
from openpaf.files import refuse_to_replace, replacing
from openpaf.models import find_model
from openpaf.topdown import open_window_network

if TYPE_CHECKING:
    from openpaf.evaluate import Evaluation

_SWITCHES = {field.name for field in fields(DecoderConfig) if isinstance(field.default, bool)}


def command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Holds images/ and person_keypoints.json (COCO keypoints).", show_default=False
        ),
    ] = None,
    model: Model = None,
    card: Card = None,
    fast: Fast = False,
    annotations: Annotated[
        Path | None, typer.Option(help="The JSON file, where it is somewhere else.")
    ] = None,
    net_height: NetHeight = None,
    net_size: NetSize = None,
    looks: Looks = "one",
    tiles: Tiles = False,
    refine: Refine = None,
    refine_limit: RefineLimit = REFINE_LIMIT,
    device: Device = "auto",
    threads: Threads = None,
    flip: Annotated[bool, typer.Option("--flip", help="Look at the mirrored picture too.")] = False,
    scales: Annotated[
        str, typer.Option(metavar="S,S,...", help="Look at these net sizes, times the given one.")
    ] = "1",
    boxes: Annotated[
        bool,
        typer.Option(
            "--boxes",
            help="Give a window network (--model) the annotated boxes, so that it need not find "
            "anybody.",
        ),
    ] = False,
    refinement: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="How peaks are placed between cells.")
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V,V,...",
            help="Set a decoder option, e.g. peak_threshold=0.05,0.1,0.2; several values are "
            "tried one by one, several --sweep in every combination; openpose_rules=cpu or cuda "
            "decodes as OpenPose does.",
        ),
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(help="Write a page (HTML): the worst failures, and what scores mean."),
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the report as JSON; - is stdout.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the pictures.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="A B", help="Compare two reports written by --json, and do no more."),
    ] = None,
) -> None:
    """Measure accuracy and speed on COCO-format keypoints.

    Prints OKS-AP by pycocotools, PCK, PCKh, PCP and MPJPE with 95 % intervals, a table of parts,
    and the speed of the same run.

    openpaf val ../coco_val --gallery failures.html

    openpaf val ../coco_val --flip --scales 0.75,1,1.25 --json flipped.json

    openpaf val ../coco_val --refinement none,quadratic,log_quadratic

    openpaf val ../coco_val --boxes --model window.onnx

    openpaf val --compare plain.json flipped.json
    """
    if compare is not None:
        _compare(*compare, resamples, seed)
        return
    if folder is None:
        raise ConfigError("name a folder of annotated pictures, or two reports after --compare")
    configs = decoder_configs(refinement, sweep or [])
    if len(configs) > 1 and gallery is not None:
        raise ConfigError("a gallery shows one decoder setting; give each option one value")

    from openpaf.engine import Engine
    from openpaf.evaluate import evaluate, evaluate_windows, read_folder

    model = fast_model(model, card, fast)
    dataset = read_folder(folder, annotations)
    given = [Path(one) for one in (model, card) if one is not None]
    outputs = [path for path in (json_path, gallery) if path is not None and str(path) != "-"]
    pictures = (image.path for image in dataset.images)
    refuse_to_replace([*given, dataset.annotations, *pictures], outputs)
    if boxes:
        if model is None:
            raise ConfigError("--boxes needs a window network; name one with --model")
        network = open_window_network(find_model(model), device=device, threads=threads)
        evaluation = evaluate_windows(
            network, dataset, mirror=flip or None, resamples=resamples, seed=seed
        )
        _give({"boxes": evaluation}, json_path, gallery)
        return
    with kernels_compiled_beside():
        engine = Engine(
            model,
            device=device,
            net_height=net_height,
            net_size=read_net_size(net_size),
            looks=looks,
            tiles=tiles,
            threads=threads,
            card=read_card(card),
            **look_options(refine, refine_limit),
        )
    with engine, progress_bar() as bar:
        task = bar.add_task("looking", total=len(dataset.images))

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, description="looking" if done < total else "measuring")

        evaluations = evaluate(
            engine,
            dataset,
            configs,
            flip=flip,
            scales=_numbers("--scales", scales),
            resamples=resamples,
            seed=seed,
            progress=show,
        )
    _give(evaluations, json_path, gallery)


def _give(evaluations: dict[str, Evaluation], json_path: Path | None, gallery: Path | None) -> None:
    """Print first: minutes of work are not lost for a folder that cannot be written."""
    from openpaf.evaluate import write_page

    reports = {name: evaluation.report for name, evaluation in evaluations.items()}
    texts = [report.to_json() for report in reports.values()]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    if json_path == Path("-"):
        print(text)
    elif len(reports) > 1:
        print_sweep(reports)
    else:
        print_report(next(iter(reports.values())))
    if json_path not in (None, Path("-")):
        _write(json_path, text + "\n")
    if gallery is not None:
        (evaluation,) = evaluations.values()
        settings = evaluation.report.settings
        title = f"{settings['model']} ({settings['file']}) at net {settings['net']}"
        _write(gallery, write_page(evaluation, title))


def _write(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def decoder_configs(refinement: str | None, sweep: Sequence[str]) -> dict[str, DecoderConfig]:
    """Every combination of the decoder options asked for, by what tells them apart.

    Raises
    ------
    ConfigError
        When an option is unknown, given twice, or has a value that cannot work.
    """
    known = {field.name for field in fields(DecoderConfig)}
    choices: dict[str, list[str]] = {}
    for option in [f"refinement={refinement}"] * (refinement is not None) + list(sweep):
        key, found, texts = option.partition("=")
        if not found or key not in known:
            raise ConfigError(
                f"--sweep takes KEY=VALUE,... with KEY one of {', '.join(sorted(known))}, "
                f"got {option!r}"
            )
        if key in choices:
            raise ConfigError(f"{key} is given twice; put all its values after one --sweep")
        choices[key] = [text.strip() for text in texts.split(",")]
    configs = {}
    for chosen in itertools.product(*choices.values()):
        setting = dict(zip(choices, chosen, strict=True))
        swept = [f"{key} {text}" for key, text in setting.items() if len(choices[key]) > 1]
        values: dict[str, Any] = {key: _value(key, text) for key, text in setting.items()}
        configs[", ".join(swept) or "decoder"] = DecoderConfig(**values)
    return configs


def _value(key: str, text: str) -> bool | int | float | str | OpenPoseRules:
    if key == "openpose_rules":
        return OpenPoseRules(text)  # type: ignore[arg-type]  # it checks its own options
    if key in _SWITCHES and text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"{option} must be numbers between commas, got {text!r}") from None


def _compare(a: Path, b: Path, resamples: int, seed: int) -> None:
    from openpaf.evaluate import Report, compare_reports

    reports = Report.from_json(a), Report.from_json(b)
    print_comparison((a.stem, b.stem), compare_reports(*reports, resamples=resamples, seed=seed))
