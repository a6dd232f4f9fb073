"""Write the README's tables from the committed results; none of its figures is typed by hand.

    python -m benchmarks.readme
    python -m benchmarks.readme --check     # exit code 1 when README and results disagree

What stands between `<!-- benchmarks:begin NAME -->` and `<!-- benchmarks:end NAME -->` is replaced:
`accuracy` by the rows of `accuracy--*.json`, `speed` by those of `pipeline--*.json`,
`decoder--*.json` and `gpu--*.json`. Where nothing has been measured, nothing is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.tools.places import RESULTS, ROOT
from benchmarks.tools.report import number, replace_between
from benchmarks.tools.tables import table
from openpaf.files import replacing

README = ROOT / "README.md"
# As bench_decoder.py names what it compares, and the scenes that are nearest to a real network's.
_OURS, _RIVAL, _SCENES = "openpaf", "upsampling, NumPy", "crowd, smooth"
NO_GPU = "Nothing has been measured on a GPU yet."

Record = Mapping[str, Any]


def records(results: Path, suite: str) -> Iterator[Record]:
    """The committed results of a suite, one a machine or data set, in the order of their names."""
    for path in sorted(results.glob(f"{suite}--*.json")):
        yield json.loads(path.read_text("utf-8"))


def measured_rows(record: Record) -> list[dict[str, Any]]:
    """Rows that have figures rather than a reason why not."""
    return [row for row in record["rows"] if "reason" not in row]


def where(record: Record) -> str:
    """Machine, versions and date of a measurement."""
    about = record["circumstances"]
    cores = about.get("cores_allowed") or about["cores"]
    versions = about["versions"]
    runtimes = [
        f"{name} {versions[key].partition('-')[0]}"
        for key, name in (("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO"))
        if versions.get(key)
    ]
    return ", ".join([f"{cores} cores of {about['processor']}", *runtimes, about["date"]])


def accuracy_table(rows: Sequence[dict[str, Any]]) -> str:
    """OKS-AP of every network, size and way of looking."""
    head = (
        "model | precision | runtime | net height | mirrored too | scales | "
        "AP (95 % interval) | AP50 | AR"
    )
    return table(
        head,
        [
            [
                row["model"],
                row["precision"],
                row["runtime"],
                str(row["net_height"]),
                "yes" if row["flip"] else "no",
                ", ".join(f"{scale:g}" for scale in row["scales"]),
                "{} ({} to {})".format(*(number(row[k], 3) for k in ("AP", "AP_low", "AP_high"))),
                number(row["AP50"], 3),
                number(row["AR"], 3),
            ]
            for row in rows
            if "reason" not in row
        ],
    )


def render_accuracy(results: Path) -> str:
    """The section `accuracy`."""
    sections = []
    for record in records(results, "accuracy"):
        rows = measured_rows(record)
        if rows:
            intro = (
                f"OKS-AP on the {rows[0]['pictures']} pictures of `{record['folder']}` with "
                f"{rows[0]['people']} annotated people, {record['circumstances']['date']}:"
            )
            sections += [intro, accuracy_table(rows)]
    return "\n\n".join(sections)


def pipeline_table(rows: Sequence[dict[str, Any]]) -> str:
    """A picture and, where it was measured, a video, through the whole engine."""
    keys = ("model", "runtime", "net_size")
    videos = {
        json.dumps([row[key] for key in keys]): row["frames_a_second"]
        for row in rows
        if row["what"] == "video"
    }
    head = (
        "model | runtime | net size | frames/s | p50, ms | p95, ms | network, ms | decoder, ms | "
        "video, frames/s"
    )
    return table(
        head,
        [
            [
                row["model"],
                row["runtime"],
                "{}x{}".format(*row["net_size"]),
                number(row["frames_a_second"]),
                number(row["latency_ms"]["p50"]),
                number(row["latency_ms"]["p95"]),
                number(row["stages_ms"]["network"]),
                number(row["stages_ms"]["decoder"], 2),
                number(videos.get(json.dumps([row[key] for key in keys]))),
            ]
            for row in rows
            if row["what"] == "picture"
        ],
    )


def decoder_table(rows: Sequence[dict[str, Any]]) -> str:
    """Fields to people, beside the decoder of the literature."""
    times: dict[int, dict[str, float]] = {}
    for row in rows:
        if row["scenes"] == _SCENES and row["timing"] is not None:
            times.setdefault(row["people"], {})[row["decoder"]] = row["timing"]["median_ms"]
    return table(
        "people | openpaf, ms | upsampling in NumPy, ms | times faster",
        [
            [
                str(people),
                number(medians[_OURS], 3),
                number(medians[_RIVAL]),
                number(medians[_RIVAL] / medians[_OURS], 0),
            ]
            for people, medians in sorted(times.items())
            if {_OURS, _RIVAL} <= medians.keys()
        ],
    )


def gpu_table(rows: Sequence[dict[str, Any]]) -> str:
    """Networks on a GPU; upload and download are apart from the network's own time."""
    head = (
        "network | net size | batch | precision | mode | network, ms a batch | frames/s, network | "
        "frames/s, in turn | TFLOP/s"
    )
    return table(
        head,
        [
            [
                row["network"],
                "{}x{}".format(*row["net_size"]),
                str(row["batch"]),
                row["precision"],
                row["mode"],
                number(row["timings"]["network"]["median_ms"], 2),
                number(row["frames_a_second"]),
                number(row["frames_a_second_in_turn"]),
                number(row["tflops"]),
            ]
            for row in rows
        ],
    )


def render_speed(results: Path) -> str:
    """The section `speed`."""
    sections = []
    for record in records(results, "pipeline"):
        what = "A picture through the whole engine, and a video through `engine.stream`"
        sections += [f"{what}; {where(record)}:", pipeline_table(measured_rows(record))]
    for record in records(results, "decoder"):
        what = (
            "The decoder alone, from the fields of a frame to its people, on one thread (from 50 "
            "people on, the fields are twice as wide and high)"
        )
        sections += [f"{what}; {where(record)}:", decoder_table(record["rows"])]
    on_gpus = list(records(results, "gpu"))
    for record in on_gpus:
        what = (
            f"Networks on {record['floors']['device']}; in turn is upload, network, download and "
            "decoder one after the other"
        )
        sections += [
            f"{what}; {record['circumstances']['date']}:",
            gpu_table(measured_rows(record)),
        ]
    if sections and not on_gpus:
        sections.append(NO_GPU)
    return "\n\n".join(sections)


SECTIONS: Mapping[str, Callable[[Path], str]] = {
    "accuracy": render_accuracy,
    "speed": render_speed,
}


def render(text: str, results: Path) -> str:
    """A README with its sections as the results have them."""
    for name, section in SECTIONS.items():
        begin, end = (f"<!-- benchmarks:{mark} {name} -->" for mark in ("begin", "end"))
        text = replace_between(text, begin, end, section(results))
    return text


def main(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 where it would.")
    ] = False,
    readme: Annotated[Path, typer.Option(help="The page.")] = README,
    results: Annotated[Path, typer.Option(help="Folder of JSON.")] = RESULTS,
) -> None:
    """Write the README's tables from the committed results."""
    text = readme.read_text("utf-8")
    wanted = render(text, results)
    if wanted == text:
        return
    if check:
        typer.echo(f"{readme.name} is not what the results give: python -m benchmarks.readme")
        raise typer.Exit(1)
    with replacing(readme) as temporary:
        temporary.write_text(wanted, encoding="utf-8")
    typer.echo(f"written: {readme}")


if __name__ == "__main__":
    typer.run(main)
