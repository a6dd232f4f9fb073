"""Write the README's tables from the committed results; none of its figures is typed by hand.

    python -m benchmarks.readme
    python -m benchmarks.readme --check     # exit code 1 when README and results disagree

What stands between `<!-- benchmarks:begin NAME -->` and `<!-- benchmarks:end NAME -->` is replaced:
`modes` by the chart and rows of `modes--*.json`, `accuracy` by the rows of `accuracy--*.json`,
`speed` by those of `pipeline--*.json`, `decoder--*.json` and `gpu--*.json`. Where nothing has been
measured, nothing is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.tools.places import RESULTS, ROOT
from benchmarks.tools.report import replace_between
from benchmarks.tools.tables import columns, number, table_of
from openpaf.files import replacing

README = ROOT / "README.md"
# As bench_decoder.py names what it compares, and the scenes that are nearest to a real network's.
_OURS, _RIVAL, _SCENES = "openpaf", "upsampling, NumPy", "crowd, smooth"
NO_GPU = "Nothing has been measured on a GPU yet."

Record = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

ACCURACY = columns(
    "model | precision | runtime | net height = net_height | mirrored too = mirrored | "
    "scales | AP (95 % interval) = interval | AP50:,.3f | AR:,.3f",
    mirrored=lambda row: "yes" if row["flip"] else "no",
    scales=lambda row: ", ".join(f"{scale:g}" for scale in row["scales"]),
    interval=lambda row: "{} ({} to {})".format(
        *(number(row[key], 3) for key in ("AP", "AP_low", "AP_high"))
    ),
)
MODES = columns(
    "model | runtime | net height = net_height | looks | second look = second | ms:,.1f | "
    "AP (95 % interval) = interval | medium = APM:,.3f | large = APL:,.3f",
    second=lambda row: "yes" if row["refine"] else "no",
    interval=lambda row: "{} ({} to {})".format(
        *(number(row[key], 3) for key in ("AP", "AP_low", "AP_high"))
    ),
)
_PIPELINE = columns(
    "model | runtime | net size = net_size | frames/s = frames_a_second:,.1f | "
    "p50, ms = latency_ms.p50:,.1f | p95, ms = latency_ms.p95:,.1f | "
    "network, ms = stages_ms.network:,.1f | decoder, ms = stages_ms.decoder:,.2f | "
    "video, frames/s = video:,.1f",
)
_DECODER = columns(
    f"people | openpaf, ms = {_OURS}:,.3f | upsampling in NumPy, ms = {_RIVAL}:,.1f | "
    "times faster = faster",
    faster=lambda row: number(row[_RIVAL] / row[_OURS], 0),
)
# Upload and download are apart from the network's own time.
_GPU = columns(
    "network | net size = net_size | batch | precision | mode | "
    "network, ms a batch = timings.network.median_ms:,.2f | "
    "frames/s, network = frames_a_second:,.1f | "
    "frames/s, in turn = frames_a_second_in_turn:,.1f | TFLOP/s = tflops:,.1f",
)


@dataclass(frozen=True)
class Part:
    """A table of the README for every record of a suite, after what is said of it."""

    suite: str
    says: str
    table: Callable[[Rows], str]


def records(results: Path, suite: str) -> Iterator[tuple[Record, str, bool]]:
    """The committed results of a suite, one a machine or data set, in the order of their names.

    Each with the place of its chart as the README names it, and whether a GPU was measured.
    """
    for path in sorted(results.glob(f"{suite}--*.json")):
        chart = RESULTS.relative_to(ROOT) / path.with_suffix(".png").name
        on_gpu = path.stem.endswith("--cuda")
        yield json.loads(path.read_text("utf-8")), chart.as_posix(), on_gpu


def measured_rows(rows: Rows) -> Rows:
    """Rows that have figures rather than a reason why not."""
    return [row for row in rows if "reason" not in row]


def where(record: Record, *, on_gpu: bool) -> str:
    """Machine, versions and date of a measurement."""
    about = record["circumstances"]
    cores = about.get("cores_allowed") or about["cores"]
    versions = about["versions"]
    runtimes = [
        f"{name} {versions[key].partition('-')[0]}"
        for key, name in (("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO"))
        if versions.get(key)
    ]
    machine = [about.get("gpu") or "an NVIDIA GPU"] if on_gpu else []
    machine.append(f"{cores} cores of {about['processor']}")
    return ", ".join([*machine, *runtimes, about["date"]])


def pipeline_table(rows: Rows) -> str:
    """A picture and, where it was measured, a video, through the whole engine."""
    keys = ("model", "runtime", "net_size")
    videos = {
        json.dumps([row[key] for key in keys]): row["frames_a_second"]
        for row in rows
        if row["what"] == "video"
    }
    return table_of(
        _PIPELINE,
        [
            {**row, "video": videos.get(json.dumps([row[key] for key in keys]))}
            for row in rows
            if row["what"] == "picture"
        ],
    )


def decoder_table(rows: Rows) -> str:
    """Fields to people, beside the decoder of the literature."""
    times: dict[int, dict[str, Any]] = {}
    for row in rows:
        if row["scenes"] == _SCENES and row["timing"] is not None:
            medians = times.setdefault(row["people"], {"people": row["people"]})
            medians[row["decoder"]] = row["timing"]["median_ms"]
    both = [times[people] for people in sorted(times) if {_OURS, _RIVAL} <= times[people].keys()]
    return table_of(_DECODER, both)


SECTIONS: Mapping[str, Sequence[Part]] = {
    "modes": (
        Part(
            "modes",
            "![AP against milliseconds of every mode]({chart})\n\n"
            "OKS-AP on {row[pictures]} pictures of `{record[folder]}` against the median "
            "milliseconds of one; {where}. MoveNet's points are its makers', on pictures cropped "
            "to one person each and on another machine.",
            partial(table_of, MODES),
        ),
    ),
    "accuracy": (
        Part(
            "accuracy",
            "OKS-AP on the {row[pictures]} pictures of `{record[folder]}` with {row[people]} "
            "annotated people, {date}:",
            partial(table_of, ACCURACY),
        ),
    ),
    "speed": (
        Part(
            "pipeline",
            "A picture through the whole engine, and a video through `engine.stream`; {where}:",
            pipeline_table,
        ),
        Part(
            "decoder",
            "The decoder alone, from the fields of a frame to its people, on one thread (from 50 "
            "people on, the fields are twice as wide and high); {where}:",
            decoder_table,
        ),
        Part(
            "gpu",
            "Networks on {record[floors][device]}; in turn is upload, network, download and "
            "decoder one after the other; {date}:",
            partial(table_of, _GPU),
        ),
    ),
}


def render_section(name: str, results: Path) -> str:
    """All tables of a section, each after what is said of it."""
    texts, any_gpu = [], False
    for part in SECTIONS[name]:
        for record, chart, on_gpu in records(results, part.suite):
            rows = measured_rows(record["rows"])
            if rows:
                date = record["circumstances"]["date"]
                place = where(record, on_gpu=on_gpu)
                says = part.says.format(
                    record=record, row=rows[0], where=place, date=date, chart=chart
                )
                texts += [says, part.table(rows)]
                any_gpu |= on_gpu
    if name == "speed" and texts and not any_gpu:
        texts.append(NO_GPU)
    return "\n\n".join(texts)


def render(text: str, results: Path) -> str:
    """A README with its sections as the results have them."""
    for name in SECTIONS:
        begin, end = (f"<!-- benchmarks:{mark} {name} -->" for mark in ("begin", "end"))
        text = replace_between(text, begin, end, render_section(name, results))
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
