"""What the decoder's choices are worth on a real network's fields: OKS-AP on annotated pictures.

    python -m benchmarks.bench_decoder_ap --model human-pose-estimation-0001.xml --folder coco_val

The network sees every picture once; then its fields are decoded in many ways, with the decoder of
the literature (upsampled maps) and OpenPose's rules among them. Each row says how far it is from
the default, with a 95 % interval by drawing the pictures anew. Prints a table and writes JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.tools.options import Out
from benchmarks.tools.places import RESULTS
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from benchmarks.tools.upsampling_decoder import decode_upsampled
from openpaf.decoder import Decoder
from openpaf.decoder.config import REFINEMENTS, DecoderConfig
from openpaf.engine import Engine
from openpaf.evaluate.average_precision import (
    FoundPeople,
    PrecisionCounter,
    match_people,
)
from openpaf.evaluate.bootstrap import paired_bootstrap
from openpaf.evaluate.dataset import AnnotatedImage, KeypointFolder, read_folder
from openpaf.fields import Fields
from openpaf.preprocess import Placement
from openpaf.skeleton import COCO_17

Float32 = NDArray[np.float32]
Decode = Callable[[Fields], tuple[Float32, Float32, Float32]]

DEFAULT = "openpaf"
FIGURES = ("AP", "AP50", "AP75", "APM", "APL", "AR")
COLUMNS = columns(
    f"decoder | {':.4f | '.join(FIGURES)}:.4f | people | AP to default (95 %) = change",
    change=lambda row: (
        "{value:+.4f} ({low:+.4f} to {high:+.4f})".format(**row["change"])
        if "change" in row
        else ""
    ),
)
# OpenPose adds half a pixel to every coordinate.
_HALF_PIXEL = np.float32(0.5)


def _by_rules(config: DecoderConfig) -> Decode:
    decoder = Decoder(config)

    def decode(fields: Fields) -> tuple[Float32, Float32, Float32]:
        keypoints, scores, person_scores = decoder.people(fields)
        return keypoints - _HALF_PIXEL, scores, person_scores

    return decode


def decoders() -> dict[str, Decode]:
    """Every way to decode that is compared, the default first."""
    base = DecoderConfig()
    ways: dict[str, Decode] = {DEFAULT: Decoder().people}
    for refinement in REFINEMENTS:
        if refinement != base.refinement:
            ways[f"refinement {refinement}"] = Decoder(DecoderConfig(refinement=refinement)).people
    ways["fragments not joined"] = Decoder(DecoderConfig(join_fragments=False)).people
    for threshold in (0.03, 0.05, 0.1, 0.15):
        config = DecoderConfig(peak_threshold=threshold)
        ways[f"peak_threshold {threshold}"] = Decoder(config).people
    ways["upsampled maps (NumPy)"] = decode_upsampled
    ways["OpenPose rules, CPU assembly"] = _by_rules(DecoderConfig.openpose())
    ways["OpenPose rules, CUDA assembly"] = _by_rules(DecoderConfig.openpose("cuda"))
    return ways


def predict(engine: Engine, images: Sequence[AnnotatedImage]) -> list[tuple[Fields, Placement]]:
    """Fields of every picture, pictures of one size after the other."""
    seen: dict[int, tuple[Fields, Placement]] = {}
    order = sorted(range(len(images)), key=lambda place: images[place].size)
    with typer.progressbar(order, label="network", file=sys.stderr) as bar:
        for place in bar:
            net_frame = engine.prepare(images[place].path)
            seen[place] = (engine.predict([net_frame])[0], net_frame.placement)
    return [seen[place] for place in range(len(images))]


def in_frame(decode: Decode, fields: Fields, placement: Placement) -> FoundPeople:
    """People as COCO's 17 parts in frame px."""
    keypoints, scores, person_scores = decode(fields)
    keypoints, scores = fields.skeleton.convert(
        placement.to_frame(keypoints).astype(np.float32), scores, COCO_17
    )
    judged = (scores > 0).any(axis=1)
    return FoundPeople(
        keypoints[judged].astype(float), scores[judged].astype(float),
        person_scores[judged].astype(float),
    )  # fmt: skip


def evaluate(
    data: KeypointFolder, seen: list[tuple[Fields, Placement]], resamples: int
) -> Iterator[dict[str, Any]]:
    """AP of every decoder, and its difference to the default."""
    counters: dict[str, PrecisionCounter] = {}
    for name, decode in decoders().items():
        found = [in_frame(decode, *pair) for pair in seen]
        counters[name] = PrecisionCounter(match_people(data.images, found, COCO_17.sigmas))
        figures = counters[name].summarize()
        row: dict[str, Any] = {
            "decoder": name,
            "people": sum(len(people.person_scores) for people in found),
            **{figure: figures[figure] for figure in FIGURES},
        }
        if name != DEFAULT:
            default, other = (partial(_ap, counters[key]) for key in (DEFAULT, name))
            change = paired_bootstrap(default, other, len(seen), resamples=resamples)["AP"]
            row["change"] = vars(change.difference)
        yield row


def _ap(counter: PrecisionCounter, weights: NDArray[np.float64]) -> dict[str, float]:
    return {"AP": counter.summarize(weights)["AP"]}


def main(
    model: Annotated[Path, typer.Option(help="Network to decode, .onnx or .xml.")],
    folder: Annotated[Path, typer.Option(help="Holds images/ and person_keypoints.json.")],
    net_height: Annotated[int, typer.Option(min=8)] = 368,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the pictures.")] = 1000,
    out: Out = None,
) -> None:
    """Compare decoders by OKS-AP on one network's fields."""
    data = read_folder(folder)
    with Engine(model, net_height=net_height) as engine:
        seen = predict(engine, data.images)
    figures = {
        "model": model.name,
        "annotations_sha256": data.sha256,
        "pictures": len(data.images),
        "net_height": net_height,
        "resamples": resamples,
        "seed": 0,
        "rows": show(COLUMNS, evaluate(data, seen, resamples)),
    }
    path = out or RESULTS / f"decoder-ap--{model.stem}--{folder.name}.json"
    publish("decoder-ap", figures, path, versions=("numpy", "numba", "cv2"))


if __name__ == "__main__":
    typer.run(main)
