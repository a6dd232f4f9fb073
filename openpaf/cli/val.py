"""`openpaf val`: a folder of annotated pictures in, figures one can trust out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from openpaf.cli.messages import progress_bar
from openpaf.config import DecoderConfig
from openpaf.errors import ConfigError
from openpaf.files import replacing

if TYPE_CHECKING:
    from openpaf.evaluate import Evaluation, Report

_SWEEP_COLUMNS = ("AP", "AP50", "AP75", "APM", "APL", "AR")


def command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Holds images/ and person_keypoints.json (COCO keypoints).", show_default=False
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Registry name, .onnx or .xml file.",
            show_default="the bundled one",
        ),
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="The JSON file, where it is somewhere else.")
    ] = None,
    net_height: Annotated[
        int | None,
        typer.Option(
            help="Height of the network input, px.", show_default="what the model's card says"
        ),
    ] = None,
    net_size: Annotated[
        str | None, typer.Option(metavar="WxH", help="A fixed network input instead.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, tensorrt, openvino, ...")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Threads of the network.")] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Look at the mirrored picture too.")] = False,
    scales: Annotated[
        str, typer.Option(metavar="S,S,...", help="Look at these net sizes, times the given one.")
    ] = "1",
    refinement: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="How peaks are placed between cells.")
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V,V,...",
            help="Set a decoder option, e.g. peak_threshold=0.05,0.1,0.2; several values are "
            "tried one by one, several --sweep in every combination.",
        ),
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="Write a page (HTML) with the worst failures.")
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
    from openpaf.evaluate import evaluate, read_folder, write_page

    dataset = read_folder(folder, annotations)
    engine = Engine(
        model,
        device=device,
        net_height=net_height,
        net_size=_size(net_size),
        threads=threads,
    )
    with engine, progress_bar() as bar:
        task = bar.add_task("evaluating", total=len(dataset.images))
        evaluations = evaluate(
            engine,
            dataset,
            configs,
            flip=flip,
            scales=_numbers("--scales", scales),
            resamples=resamples,
            seed=seed,
            progress=lambda done, _: bar.update(task, completed=done),
        )
    reports = {name: evaluation.report for name, evaluation in evaluations.items()}
    if gallery is not None:
        (evaluation,) = evaluations.values()
        with replacing(gallery) as partial:
            partial.write_text(write_page(evaluation, _title(evaluation)), encoding="utf-8")
    texts = [report.to_json() for report in reports.values()]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    if json_path == Path("-"):
        print(text)
        return
    if json_path is not None:
        with replacing(json_path) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    if len(reports) > 1:
        _print(_sweep_table(reports))
    else:
        _print_report(next(iter(reports.values())))


def decoder_configs(refinement: str | None, sweep: Sequence[str]) -> dict[str, DecoderConfig]:
    """Every combination of the decoder options asked for, by what tells them apart.

    Raises
    ------
    ConfigError
        When an option is unknown, given twice, or has a value that cannot work.
    """
    known = {option.name for option in fields(DecoderConfig)}
    choices: dict[str, list[Any]] = {}
    for setting in [f"refinement={refinement}"] * (refinement is not None) + list(sweep):
        key, found, values = setting.partition("=")
        if not found or key not in known:
            raise ConfigError(
                f"--sweep takes KEY=VALUE,... with KEY one of {', '.join(sorted(known))}, "
                f"got {setting!r}"
            )
        if key in choices:
            raise ConfigError(f"{key} is given twice; put all its values after one --sweep")
        choices[key] = [_value(text) for text in values.split(",")]
    swept = [key for key, values in choices.items() if len(values) > 1]
    return {
        ", ".join(f"{key} {dict(zip(choices, values, strict=True))[key]}" for key in swept)
        or "decoder": DecoderConfig(**dict(zip(choices, values, strict=True)))
        for values in itertools.product(*choices.values())
    }


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"{option} must be numbers between commas, got {text!r}") from None


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, found, height = text.lower().partition("x")
    if not found or not width.isdecimal() or not height.isdecimal():
        raise ConfigError(f"--net-size must be WIDTHxHEIGHT, such as 656x368, got {text!r}")
    return int(width), int(height)


def _title(evaluation: Evaluation) -> str:
    settings = evaluation.report.settings
    return f"{settings['model']} ({settings['file']}) at net {settings['net']}"


def _print(*tables: Table | str) -> None:
    console = Console()
    if not console.is_terminal:
        # Nothing is cut off in a file or a pipe.
        console = Console(width=120)
    for table in tables:
        console.print(table, highlight=False)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def _print_report(report: Report) -> None:
    from openpaf.evaluate.gallery import interval, number

    figures = _table("", "value", "95 % interval")
    for name, estimate in report.figures.items():
        figures.add_row(name, number(estimate.value), interval(estimate))
    parts = _table("part", "labelled", "found", "PCK", "error px", "OKS")
    for row in report.parts:
        shares = (row.found, row.pck, row.error_px, row.similarity)
        parts.add_row(row.part, str(row.labelled), *(number(value) for value in shares))
    failures = ", ".join(f"{count} x {kind}" for kind, count in report.failures.items())
    data, settings, speed = report.data, report.settings, report.speed
    heading = (
        f"{settings['model']} ({settings['file']}) at net {settings['net']} on {data.images} "
        f"pictures with {data.people} people of {data.folder}"
    )
    timing = (
        f"{settings['provider']}: preprocessing and network {speed['network ms']:.1f} ms, "
        f"decoder {speed['decoder ms']:.2f} ms (medians), {speed['frames/s']:.1f} frames/s"
    )
    _print(heading, figures, "", parts, "", failures, timing)
    if data.left_out:
        _print(f"left out, the model has no such part: {', '.join(data.left_out)}")


def _sweep_table(reports: dict[str, Report]) -> Table:
    from openpaf.evaluate.gallery import number

    table = _table("", "AP 95 % interval", *_SWEEP_COLUMNS, "MPJPE px", "decoder ms")
    for name, report in reports.items():
        table.add_row(
            name,
            f"{report.ap.low:.3f} to {report.ap.high:.3f}",
            *(number(report.figures[column].value) for column in _SWEEP_COLUMNS),
            number(report.figures["MPJPE px"].value),
            f"{report.speed['decoder ms']:.2f}",
        )
    return table


def _compare(a: Path, b: Path, resamples: int, seed: int) -> None:
    from openpaf.evaluate import Report, compare_reports
    from openpaf.evaluate.gallery import number

    differences = compare_reports(
        Report.from_json(a), Report.from_json(b), resamples=resamples, seed=seed
    )
    table = _table("", f"A {a.stem}", f"B {b.stem}", "B - A", "95 % interval", "p")
    for name, row in differences.items():
        table.add_row(
            name,
            number(row.a),
            number(row.b),
            f"{row.difference.value:+.3f}",
            f"{row.difference.low:+.3f} to {row.difference.high:+.3f}",
            f"{row.p:.3f}",
        )
    _print(table)
