"""Which single-person network of the literature learns most from the same windows?

    python -m benchmarks.bench_windows DATA --runs runs/windows --windows 60000

`DATA` holds `lspet.json` and `lspet.tar` (Leeds Sports Pose Extended, 14 parts) and, where they are
at hand, more of it as `lspet_rest.json` and the photographs it names. Every network starts from
nothing, sees the same windows of all people but the 1,000 of `lspet_held_out.txt`, and is measured
on those, in the window about their labels. Runs that were stopped go on. Writes
`windows--<machine>--<device>.json`, whose `rows` hold

    network                     str: kind, and how it is taught where that differs
    width                       float, times the paper's channels
    parameters, gmac            float: millions; of one window of 128 x 192
    windows                     int: seen
    ms                          float: one window, one thread of ONNX Runtime
    figures                     PCK@0.2 of the torso, PCKh@0.5, PCP@0.5, MPJPE px: value, low, high

the first row being the mean pose of the training people in every window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.tools.arithmetic import torch_flops
from benchmarks.tools.held_out import unpack
from benchmarks.tools.options import Out, read_words
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf.errors import ConfigError
from openpaf.evaluate import KeypointFolder
from openpaf.evaluate.bootstrap import bootstrap
from openpaf.evaluate.folder import parts_from
from openpaf.evaluate.pairing import PairedPeople, measure_people
from openpaf.frame import to_frame
from openpaf.selftest.timing import measure
from openpaf.skeleton import COCO_17, Skeleton
from openpaf.topdown import Windows, open_window_network

SIZE = (128, 192)
# About the same arithmetic each; a CPM's large kernels leave it the fewest channels.
NETWORKS: dict[str, dict[str, Any]] = {
    "Simple Baselines": {"kind": "simple_baseline", "width": 0.375, "deconv": 128},
    "Simple Baselines by soft-argmax": {
        "kind": "simple_baseline", "width": 0.375, "deconv": 128, "head": "soft_argmax",
    },
    "stacked hourglass": {"kind": "hourglass", "width": 0.1875, "stages": 2},
    "convolutional pose machine": {"kind": "cpm", "width": 0.0625, "stages": 3},
    "DeepPose": {"kind": "deeppose", "width": 0.1875, "stages": 2},
}  # fmt: skip
_HELD_OUT = "lspet_held_out.txt"
_PARTS_OF = COCO_17

Look = Callable[[NDArray[np.uint8], Windows], NDArray[np.float64]]
"""Parts (N, 17, 2), frame px, of the people in windows of a frame."""

COLUMNS = columns(
    "network | width | M = parameters:.2f | GMAC = gmac:.3f | ms:.1f | windows:, | "
    "PCK@0.2 = pck | PCKh@0.5 = pckh | PCP@0.5 = pcp | MPJPE px = mpjpe",
    pck=lambda row: _with_interval(row, "PCK@0.2 torso"),
    pckh=lambda row: _with_interval(row, "PCKh@0.5"),
    pcp=lambda row: _with_interval(row, "PCP@0.5"),
    mpjpe=lambda row: _with_interval(row, "MPJPE px", 1),
)


def _with_interval(row: dict[str, Any], figure: str, decimals: int = 3) -> str:
    value = row["figures"][figure]
    return "{value:.{n}f} ({low:.{n}f} to {high:.{n}f})".format(n=decimals, **value)


def figures_of(look: Look, dataset: KeypointFolder, factor: float) -> dict[str, Any]:
    """PCK, PCKh, PCP and MPJPE with their intervals; each window is about the labels."""
    known = dataset.restricted(parts_from(_PARTS_OF, dataset.parts))
    target = Skeleton("annotations", known.parts, (), ())
    predicted = []
    for image in known.images:
        boxes = np.concatenate([image.boxes[:, :2], image.boxes[:, :2] + image.boxes[:, 2:]], 1)
        found = look(to_frame(image.path), Windows.around(boxes, SIZE, factor=factor))
        ones = np.ones(found.shape[:2], np.float32)
        predicted.append(_PARTS_OF.convert(found.astype(np.float32), ones, target)[0])
    together = PairedPeople(
        np.repeat(np.arange(len(known.images)), [len(one) for one in predicted]),
        np.concatenate([image.keypoints for image in known.images]),
        np.concatenate(predicted).astype(np.float64),
        np.concatenate([image.labelled for image in known.images]),
        *(
            np.concatenate([getattr(image, name) for image in known.images])
            for name in ("areas", "torso_lengths", "head_lengths", "box_lengths")
        ),
    )
    measured = measure_people(together, known.parts, len(known.images))
    figures = bootstrap(measured.summarize, len(known.images), resamples=1000)
    return {name: asdict(figure) for name, figure in figures.items() if name != "parts found"}


def mean_pose(data: Path, config: Any) -> Look:
    """The mean place of each part in the windows of the training people."""
    from openpaf.train.data import read_sets

    pictures, _ = read_sets(data, config.sets, _PARTS_OF)
    labels = np.concatenate([picture.keypoints for picture in pictures]).astype(np.float64)
    boxes = np.concatenate([picture.boxes for picture in pictures]).astype(np.float64)
    windows = Windows.around(boxes, SIZE, factor=config.box_factor)
    places = windows.to_window(labels[..., :2], SIZE)
    known = (labels[..., 2] > 0)[..., None]
    # Faces are never labelled there.
    mean = (places * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return lambda _frame, where: where.to_frame(np.tile(mean, (len(where), 1, 1)), SIZE)


def train(name: str, data: Path, runs: Path, windows: int, threads: int) -> tuple[Any, Path]:
    """Train a network, or go on with it; its recipe and its ONNX file."""
    from openpaf.export.window import export_window_onnx
    from openpaf.network.checkpoint import load_network
    from openpaf.train.fit import Trainer

    config = recipe(name, data, windows)
    folder = runs / name.replace(" ", "-").lower()
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, data, folder, threads=threads)
    last = folder / "last.pt"
    if last.exists():
        trainer.resume(last)
    if trainer.step < config.steps:
        with typer.progressbar(length=config.steps, label=name) as bar:
            bar.update(trainer.step)
            trainer.run(lambda progress: bar.update(1), lambda: False)
    net, _ = load_network(last)
    path = folder / "window.onnx"
    export_window_onnx(net, path, name=name, license="unknown", training_data="LSPET")  # type: ignore[arg-type]
    return net, path


def recipe(name: str, data: Path, windows: int) -> Any:
    """The same of every network: windows, rates, seed."""
    from openpaf.train.config import recipe_from

    network = dict(NETWORKS[name])
    sets: list[dict[str, Any]] = [
        {"annotations": "lspet.json", "images": ["lspet.tar"], "without": _HELD_OUT}
    ]
    if (data / "lspet_rest.json").is_file():
        sets.append({"annotations": "lspet_rest.json", "images": ["."], "weight": 3.5})
    return recipe_from(
        {
            "kind": network.pop("kind"),
            "seed": 7,
            "images": windows,
            "batch": 32,
            "sigma": 4.5,
            "network": {"size": list(SIZE), **network},
            "sets": sets,
        }
    )


def look_at(path: Path) -> Look:
    """A network file as it is measured, on one thread."""
    network = open_window_network(path, device="cpu", threads=1)
    return lambda frame, windows: network.look(frame, windows)[0]


def rows(
    names: list[str], data: Path, runs: Path, windows: int, threads: int
) -> Iterator[dict[str, Any]]:
    """The mean pose, then every network."""
    dataset = unpack(data, "lspet", _HELD_OUT, runs / "held-out")
    config = recipe(names[0], data, windows)
    pose = mean_pose(data, config)
    nothing = {"width": 0.0, "parameters": 0.0, "gmac": 0.0, "ms": 0.0, "windows": 0}
    figures = figures_of(pose, dataset, config.box_factor)
    yield {"network": "mean pose", **nothing, "figures": figures}
    frame = np.zeros((256, 256, 3), np.uint8)
    where = Windows.around(np.array([[64.0, 32, 192, 224]]), SIZE)
    for name in names:
        net, path = train(name, data, runs, windows, threads)
        look = look_at(path)
        yield {
            "network": name,
            "width": net.config.width,
            "parameters": sum(p.numel() for p in net.parameters()) / 1e6,
            "ms": measure([partial(look, frame, where)]).median_ms,
            "windows": windows,
            "figures": figures_of(look, dataset, config.box_factor),
            "gmac": torch_flops(net, SIZE) / 2e9,
        }


def main(
    data: Annotated[Path, typer.Argument(help="Holds lspet.json and lspet.tar.")],
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/windows"),
    windows: Annotated[int, typer.Option(min=1, help="That each network sees.")] = 60_000,
    networks: Annotated[
        str | None, typer.Option(help="Some of them, comma separated.", show_default="all")
    ] = None,
    threads: Annotated[int, typer.Option(help="Of training; 0 means all cores.")] = 0,
    out: Out = None,
) -> None:
    """Train and compare them; print a table and write JSON."""
    names = list(NETWORKS) if networks is None else read_words(networks)
    for name in names:
        if name not in NETWORKS:
            raise ConfigError(f"networks are {', '.join(NETWORKS)}; got {name}")
    figures = {"rows": show(COLUMNS, rows(names, data, runs, windows, threads)), "seed": 7}
    publish("windows", figures, out)


if __name__ == "__main__":
    typer.run(main)
