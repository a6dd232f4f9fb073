"""Do our networks of hands and faces see what the network sees that taught them?

    python -m benchmarks.bench_parts DATA --hands hand.onnx --faces face.onnx --sheets sheets

`DATA` holds what the recipes `hands` and `faces` name; the photographs that they keep out are
measured on. A window holds something where the teacher is more than .5 sure of it. Writes
`parts--<machine>--<device>.json`, whose `rows` hold

    parts, model                str
    windows, present            int: looked at, and those of them that hold something
    figures                     of PCK@0.2 of the longer side of a hand, or the mean error in
                                distances between the outer corners of the eyes (NME); how well the
                                mean score of parts tells something from nothing (area under the
                                curve); the share whose left and right are exchanged (the other
                                side fits twice as well): value, low, high
    ms                          float: one window on one thread, `runtime` the faster one

With --sheets, pictures of 100 windows drawn at random and of the 20 worst, for eyes to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.tools.engines import RUNTIMES
from benchmarks.tools.options import Out
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf.datasets.window_label_file import WindowLabelFile
from openpaf.evaluate.bootstrap import bootstrap
from openpaf.selftest.timing import measure
from openpaf.skeleton import FACE_70, Skeleton
from openpaf.topdown import WindowNetwork, Windows, open_window_network
from openpaf.topdown.windows import cut
from openpaf.train.config import DataSetConfig, read_recipe
from openpaf.train.data import listed, read_files

Floats = NDArray[np.float64]

_PRESENT = 0.5
_NEAR = 0.2
_SHOWN, _WORST, _ACROSS = 100, 20, 10
_TILE = 160
# Shares of a window are px of one that is two px wide.
_SHARES = (2, 2)

COLUMNS = columns(
    "parts | model | windows | present | PCK@0.2 = pck | NME = nme | presence = auc | "
    "exchanged = exchanged | runtime | ms:.2f",
    **{
        key: lambda row, name=name: _with_interval(row["figures"].get(name))
        for key, name in {
            "pck": "PCK@0.2",
            "nme": "NME",
            "auc": "presence",
            "exchanged": "exchanged",
        }.items()
    },
)


def _with_interval(figure: dict[str, float] | None) -> str:
    return "" if figure is None else "{value:.3f} ({low:.3f} to {high:.3f})".format(**figure)


@dataclass(frozen=True)
class Looked:
    """Windows of the photographs kept out, as the teacher has them and as the network does.

    Attributes
    ----------
    photograph : (N,) int64
    presence : (N,) float64
        As the teacher has it.
    scores : (N,) float64
        Means of the network's over parts.
    theirs, ours : (N, K, 2) float64
        The teacher's and the network's places, shares of the window.
    tiles : (N, _TILE, _TILE, 3) uint8 BGR
        The windows.
    """

    photograph: NDArray[np.int64]
    presence: Floats
    scores: Floats
    theirs: Floats
    ours: Floats
    tiles: NDArray[np.uint8]

    @property
    def present(self) -> NDArray[np.bool_]:
        return self.presence > _PRESENT


def look(network: WindowNetwork, data: Path, config: DataSetConfig) -> Looked:
    """Look at every window of the photographs that a set keeps out."""
    labels = WindowLabelFile(data / config.annotations)
    kept_out = listed(data / config.without)
    names = [name for name in labels if name in kept_out]
    files = read_files(data, config, names)
    found: list[tuple[Any, ...]] = []
    for number, name in enumerate(names):
        one = labels[name]
        frame = np.asarray(cv2.imdecode(np.frombuffer(files[name], np.uint8), cv2.IMREAD_COLOR))
        windows = Windows.squares(one.centres, one.sides, one.angles, one.mirrored)
        keypoints, scores = network.look(frame, windows)
        found.append(
            (
                np.full(len(one), number),
                one.presence,
                scores.mean(axis=1),
                one.points,
                windows.to_window(keypoints, _SHARES),
                cut(frame, windows, (_TILE, _TILE)),
            )
        )
    return Looked(*(np.concatenate(column) for column in zip(*found, strict=True)))


def errors(looked: Looked, skeleton: Skeleton) -> Floats:
    """(N, K) distance of each part from the teacher's, in sizes of the hand or the face."""
    apart: Floats = np.linalg.norm(looked.ours - looked.theirs, axis=2)
    if skeleton is FACE_70:
        corners = [skeleton.index(f"{side}_eye_0") for side in ("right", "left")]
        size = np.linalg.norm(np.diff(looked.theirs[:, corners], axis=1)[:, 0], axis=1)
    else:
        size = np.ptp(looked.theirs, axis=1).max(axis=1)
    shares: Floats = apart / np.maximum(size, 1e-6)[:, None]
    return shares


def exchanged(looked: Looked, skeleton: Skeleton) -> NDArray[np.bool_]:
    """(N,) whether the teacher's answer of the other side fits twice as well.

    Of a face that is its mirrored one; of a hand the one with the fingers in the opposite order, as
    the other hand has them.
    """
    other = list(skeleton.flip)
    if skeleton is not FACE_70:
        fingers = [range(first, first + 4) for first in range(1, len(skeleton.parts), 4)]
        other = [0, *(part for finger in reversed(fingers) for part in finger)]
    as_it_is, as_the_other = (
        np.linalg.norm(looked.ours - theirs, axis=2).sum(axis=1)
        for theirs in (looked.theirs, looked.theirs[:, other])
    )
    return np.asarray(2 * as_the_other < as_it_is)


def area_under_curve(present: NDArray[np.bool_], scores: Floats, weights: Floats) -> float:
    """Probability that what is there scores higher than what is not; ties count half."""
    order = np.argsort(scores, kind="stable")
    ranks = rankdata(scores[order], method="dense")
    there = np.bincount(ranks, (weights * present)[order])
    nothing = np.bincount(ranks, (weights * ~present)[order])
    below = np.cumsum(nothing) - nothing / 2
    return float((there * below).sum() / max(there.sum() * nothing.sum(), 1e-9))


def figures_of(looked: Looked, skeleton: Skeleton) -> dict[str, dict[str, float]]:
    """Figures with their 95 % intervals over photographs."""
    apart, other = errors(looked, skeleton), exchanged(looked, skeleton)
    face = skeleton is FACE_70
    each = apart.mean(axis=1) if face else (apart <= _NEAR).mean(axis=1)

    def measured(photographs: Floats) -> dict[str, float]:
        weights = photographs[looked.photograph]
        there = weights * looked.present

        def mean(values: NDArray[Any]) -> float:
            return float((values * there).sum() / max(there.sum(), 1e-9))

        return {
            "NME" if face else "PCK@0.2": mean(each),
            "presence": area_under_curve(looked.present, looked.scores, weights),
            "exchanged": mean(other),
        }

    photographs = int(looked.photograph.max()) + 1
    return {name: asdict(one) for name, one in bootstrap(measured, photographs).items()}


def fastest(path: Path) -> tuple[str, float]:
    """The runtime that takes less for one window on one thread, and its milliseconds."""
    frame = np.zeros((256, 256, 3), np.uint8)
    times = {}
    for device, runtime in RUNTIMES.items():
        network = open_window_network(path, device=device, threads=1)
        where = network.around(np.array([[64.0, 64, 192, 192]]))
        times[runtime] = measure([partial(network.look, frame, where)]).median_ms
    return min(times.items(), key=lambda item: item[1])


def sheet(looked: Looked, rows: NDArray[np.intp], skeleton: Skeleton) -> NDArray[np.uint8]:
    """Windows beside one another, what the network sees drawn over each of them."""
    tiles = []
    for row in rows:
        tile = looked.tiles[row].copy()
        points = looked.ours[row] * (_TILE - 1)
        for a, b in skeleton.limbs:
            ends = [tuple(int(v) for v in np.rint(points[end])) for end in (a, b)]
            cv2.line(tile, ends[0], ends[1], (0, 255, 255), 1, cv2.LINE_AA)
        for x, y in np.rint(points).astype(int):
            cv2.circle(tile, (int(x), int(y)), 1, (0, 0, 255), -1, cv2.LINE_AA)
        text = f"{row}: {looked.scores[row]:.2f}"
        cv2.putText(tile, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1)
        tiles.append(tile)
    while len(tiles) % _ACROSS:
        tiles.append(np.zeros_like(looked.tiles[0]))
    strips = [np.hstack(tiles[i : i + _ACROSS]) for i in range(0, len(tiles), _ACROSS)]
    return np.asarray(np.vstack(strips), np.uint8)


def write_sheets(folder: Path, name: str, looked: Looked, skeleton: Skeleton) -> None:
    """Pictures of windows drawn at random, and of those furthest from the teacher."""
    folder.mkdir(parents=True, exist_ok=True)
    present = np.flatnonzero(looked.present)
    drawn = np.random.default_rng(0).permutation(present)[:_SHOWN]
    worst = present[np.argsort(-errors(looked, skeleton)[present].mean(axis=1))[:_WORST]]
    for kind, rows in (("drawn", drawn), ("worst", worst)):
        cv2.imwrite(str(folder / f"{name}-{kind}.png"), sheet(looked, rows, skeleton))


def rows(models: dict[str, Path], data: Path, sheets: Path | None) -> Iterator[dict[str, Any]]:
    """A row a network."""
    recipes = Path(str(resources.files("openpaf.train"))) / "recipes"
    for name, path in models.items():
        network = open_window_network(path, device="cpu")
        (config,) = read_recipe(recipes / f"{name}.toml").sets
        looked = look(network, data, config)
        if sheets is not None:
            write_sheets(sheets, name, looked, network.skeleton)
        runtime, ms = fastest(path)
        yield {
            "parts": name,
            "model": network.card.name,
            "windows": len(looked.presence),
            "present": int(looked.present.sum()),
            "figures": figures_of(looked, network.skeleton),
            "runtime": runtime,
            "ms": ms,
        }


def main(
    data: Annotated[Path, typer.Argument(help="Folder that the recipes' sets lie in.")],
    hands: Annotated[Path | None, typer.Option(help="Window network of hands.")] = None,
    faces: Annotated[Path | None, typer.Option(help="Window network of faces.")] = None,
    sheets: Annotated[Path | None, typer.Option(help="Folder for pictures.")] = None,
    out: Out = None,
) -> None:
    """Measure the networks given; print a table and write JSON."""
    models = {name: path for name, path in (("hands", hands), ("faces", faces)) if path}
    if not models:
        raise typer.BadParameter("name a network: --hands hand.onnx, --faces face.onnx")
    publish("parts", {"rows": show(COLUMNS, rows(models, data, sheets))}, out)


if __name__ == "__main__":
    typer.run(main)
