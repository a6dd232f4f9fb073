"""What teaches the default network best: short, equal runs from its own weights.

    python -m benchmarks.bench_teaching DATA --start default \\
        --teacher human-pose-estimation-0001.xml --images 3000 --seeds 1

`DATA` holds `coco_train.json`, its tar, and files of labels with their photographs (`--labels`).
Every run starts from the same weights and sees crops of the same seed; 200 photographs of
`coco_train` (`coco_held_out.txt`) are kept out and AP is measured on them, at net height 368.
Each network is calibrated on 300 others before: what is taught moves where parts are found and
what scores mean. Runs that were stopped go on. Writes `teaching--<machine>--<device>.json`, whose
`rows` hold

    teaching                    str: what is learnt
    seed, images                int
    rate                        float: the peak of AdamW's
    AP, APM, APL, AP75          float; and AP_low, AP_high its 95 % interval
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.tools.held_out import unpack
from benchmarks.tools.options import Out, read_words
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf import DecoderConfig, Engine
from openpaf.errors import ConfigError
from openpaf.evaluate import KeypointFolder, evaluate
from openpaf.evaluate.calibration import calibrate

_HELD_OUT = "coco_held_out.txt"
_NET_HEIGHT = 368
_CALIBRATED_ON = 300
# Against the peaks of the recipe `default`: the network has learnt already.
_RATES = (3e-5, 5e-4)
TEACHINGS: dict[str, dict[str, Any]] = {
    "nothing": {"images": 0},
    "one look of the teacher, soft": {"teacher": True, "trusted": False},
    "labelled people at full strength": {},
    "both": {"teacher": True, "labels_of_models": True},
    "both, at ten times the rates": {
        "teacher": True, "labels_of_models": True, "rate": 3e-4, "muon_rate": 0.005,
    },
    "both, people of .1 to 2.5 of the crop": {
        "teacher": True, "labels_of_models": True, "person_size": (0.1, 2.5),
    },
    "labels, people of .1 to 2.5 of the crop": {"person_size": (0.1, 2.5)},
    "both, backbone frozen": {
        "teacher": True, "labels_of_models": True, "backbone_rate": 0.0,
    },
}  # fmt: skip
"""Changes of the recipe; `teacher` and `trusted` stand for what they ask of it."""

COLUMNS = columns(
    "teaching | seed | images:, | rate:g | AP = ap | medium = APM:.3f | large = APL:.3f | AP75:.3f",
    ap=lambda row: f"{row['AP']:.3f} ({row['AP_low']:.3f} to {row['AP_high']:.3f})",
)


def recipe(
    teaching: str, seed: int, images: int, labels: list[str], teacher: Path | None
) -> dict[str, Any]:
    """The recipe of the default network, taught in one of the ways."""
    changes = dict(TEACHINGS[teaching])
    taught, trusted = changes.pop("teacher", False), changes.pop("trusted", True)
    if taught and teacher is None:
        raise ConfigError(f"{teaching!r} needs --teacher")
    people = {
        "annotations": "coco_train.json",
        "images": ["coco_train.tar"],
        "without": _HELD_OUT,
        "trusted": trusted,
    }
    more = [{"annotations": f"{name}.npz", "images": [name]} for name in labels]
    return {
        "seed": seed,
        "crop": 352,
        "images": images,
        "batch": 6,
        "rate": _RATES[0],
        "muon_rate": _RATES[1],
        "warm_up": 50,
        "ema": 0.99,
        "person_size": (0.2, 1.2),
        "rotation": 24.0,
        "mosaic": 0.15,
        "cut_paste": 0.05,
        "occlusion": 0.1,
        "feature_weight": 0.0,
        "teacher": str(teacher) if taught else "",
        "network": {"backbone": "mobilenet"},
        "sets": [people, *more],
        **changes,
    }


def train(values: dict[str, Any], data: Path, start: Path, folder: Path, threads: int) -> Path:
    """Train to the end of a recipe, or go on with it; the network as an ONNX file."""
    from openpaf.export.onnx import export_onnx
    from openpaf.network.checkpoint import load_network
    from openpaf.train.config import recipe_from
    from openpaf.train.fit import Trainer

    folder.mkdir(parents=True, exist_ok=True)
    last, path = folder / "last.pt", folder / "model.onnx"
    config = recipe_from(values | {"images": max(values["images"], 1)})
    trainer = Trainer(config, data, folder, threads=threads)
    if last.exists():
        trainer.resume(last)
    else:
        trainer.start_from(start)
    if values["images"] == 0:
        trainer.save()
    elif trainer.step < config.steps:
        with typer.progressbar(length=config.steps, label=folder.name) as bar:
            bar.update(trainer.step)
            trainer.run(lambda progress: bar.update(1), lambda: False)
    net, _ = load_network(last)
    export_onnx(net, path, name=folder.name, license="unknown", training_data="unknown")  # type: ignore[arg-type]
    return path


def rows(
    names: list[str],
    seeds: list[int],
    images: int,
    data: Path,
    start: Path,
    labels: list[str],
    teacher: Path | None,
    runs: Path,
    threads: int,
) -> Iterator[dict[str, Any]]:
    """A row a teaching and seed."""
    held_out = unpack(data, "coco_train", _HELD_OUT, runs / "held-out")
    others = unpack(data, "coco_train", _HELD_OUT, runs / "others", others=_CALIBRATED_ON)
    for name in names:
        for seed in seeds[:1] if name == "nothing" else seeds:
            values = recipe(name, seed, images, labels, teacher)
            folder = runs / f"{name.replace(' ', '-').replace(',', '')}-{seed}"
            path = train(values, data, start, folder, threads)
            yield {
                "teaching": name,
                "seed": seed,
                "images": values["images"],
                "rate": values["rate"],
                **figures(path, others, held_out),
            }


def figures(path: Path, others: KeypointFolder, held_out: KeypointFolder) -> dict[str, float]:
    """AP of a network, calibrated on others."""
    with Engine(path, net_height=_NET_HEIGHT) as engine:
        card = replace(engine.card, calibration=calibrate(engine, others).calibration)
    with Engine(path, net_height=_NET_HEIGHT, card=card) as engine:
        (evaluation,) = evaluate(engine, held_out, {"": DecoderConfig()}).values()
    report = evaluation.report
    values = {name: report.figures[name].value for name in ("APM", "APL", "AP75")}
    return values | {"AP": report.ap.value, "AP_low": report.ap.low, "AP_high": report.ap.high}


def main(
    data: Annotated[Path, typer.Argument(help="Folder that the sets lie in.")],
    start: Annotated[Path, typer.Option(help="Weights that every run starts from.")],
    labels: Annotated[
        str, typer.Option(help="NAME.npz with photographs in NAME/, comma separated.")
    ] = "human_v2_rest",
    teacher: Annotated[Path | None, typer.Option(help="human-pose-estimation-0001's .xml.")] = None,
    images: Annotated[int, typer.Option(min=1, help="Crops a run.")] = 3000,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each.")] = 1,
    only: Annotated[
        str | None, typer.Option(help="Numbers of the ways, comma separated.", show_default="all")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/teaching"),
    threads: Annotated[int, typer.Option(help="Of training; 0 means all cores.")] = 0,
    out: Out = None,
) -> None:
    """Train each way for as long, compare them; print a table and write JSON."""
    ways = list(TEACHINGS)
    chosen = ways if only is None else [ways[int(number)] for number in read_words(only)]
    table = rows(
        chosen,
        list(range(1, seeds + 1)),
        images,
        data,
        start,
        read_words(labels),
        None if teacher is None else teacher.resolve(),
        runs,
        threads,
    )
    publish("teaching", {"rows": show(COLUMNS, table), "labels": read_words(labels)}, out)


if __name__ == "__main__":
    typer.run(main)
