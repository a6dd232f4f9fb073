"""How well `openpaf label` labels annotated pictures, and how long it takes a photograph.

    python -m benchmarks.bench_labels coco_val --models ../models
    python -m benchmarks.bench_labels coco_val --models ../models --looks 0.5+1

One process, one thread a network. Writes `labels--<folder>--<device>.json`, whose one row holds

    model, refine, detectors    str; str or null; list of str: files
    looks                       str
    AP, AP_low, AP_high         OKS-AP and its 95 % interval, drawing the pictures anew
    AP50, AP75, APM, APL, AR    float
    taught, right               of the parts that people labelled on those found, the share that
                                would be taught, and of these the share within OKS .5 of the label
    seconds, core_seconds       float: median of a photograph by the clock, mean processor time
    pictures, people            int: looked at, and found in them
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.tools.options import Out
from benchmarks.tools.record import VERSIONS, result_path
from benchmarks.tools.report import publish
from openpaf.datasets.labels import SKELETON, PhotoLabels, Teaching
from openpaf.evaluate import KeypointFolder, oks, read_folder
from openpaf.evaluate.average_precision import FoundPeople, PrecisionCounter, match_people
from openpaf.evaluate.bootstrap import bootstrap
from openpaf.evaluate.metrics import keypoint_similarity
from openpaf.frame import to_frame
from openpaf.label.labeller import Labeller
from openpaf.label.recipe import Networks, Recipe, thorough
from openpaf.optional import cv2

_FIGURES = ("AP", "AP50", "AP75", "APM", "APL", "AR")
_SAME_PERSON = 0.3
_RIGHT = 0.5


def label(dataset: KeypointFolder, labeller: Labeller) -> tuple[list[PhotoLabels], dict[str, Any]]:
    """Labels of every picture, and what they took."""
    cv2.setNumThreads(1)
    found, seconds, core = [], [], []
    # Kernels compile, and runtimes take their memory, on the first one.
    labeller.label(to_frame(dataset.images[0].path))
    for image in dataset.images:
        frame = to_frame(image.path)
        started, started_core = time.perf_counter(), time.process_time()
        found.append(labeller.label(frame))
        seconds.append(time.perf_counter() - started)
        core.append(time.process_time() - started_core)
    times = {"seconds": float(np.median(seconds)), "core_seconds": float(np.mean(core))}
    return found, times | {
        "pictures": len(found),
        "people": sum(len(labels.boxes) for labels in found),
    }


def precision(
    dataset: KeypointFolder, found: list[PhotoLabels], resamples: int
) -> dict[str, float]:
    """OKS-AP with its interval, and the figures beside it."""
    people = [FoundPeople(one.keypoints, one.scores, one.person_scores) for one in found]
    matches = match_people(dataset.images, people, SKELETON.sigmas)
    measure = PrecisionCounter(matches).summarize
    figures = bootstrap(measure, len(dataset.images), resamples=resamples)
    values = {name: figures[name].value for name in _FIGURES}
    return values | {"AP_low": figures["AP"].low, "AP_high": figures["AP"].high}


def teaching(dataset: KeypointFolder, found: list[PhotoLabels]) -> dict[str, float]:
    """Of labelled parts of people that are found, how many are taught, and how many of them right.

    Whoever is most like a person found is that person.
    """
    rule = Teaching()
    taught, right = [np.empty(0, bool)], [np.empty(0, bool)]
    for image, labels in zip(dataset.images, found, strict=True):
        truth = image.keypoints, image.labelled, image.areas
        if not len(image.areas) or not len(labels.boxes):
            continue
        alike = oks(*truth, image.boxes, labels.keypoints, SKELETON.sigmas)
        similarity = keypoint_similarity(
            image.keypoints, image.areas, labels.keypoints, SKELETON.sigmas
        )
        sure = (labels.person_scores >= rule.min_person) & (alike.max(axis=1) >= _SAME_PERSON)
        for n in np.flatnonzero(sure):
            person = alike[n].argmax()
            known = image.labelled[person]
            taught.append(rule.parts(labels)[n][known])
            right.append(similarity[n, person][known] > _RIGHT)
    flat, good = np.concatenate(taught), np.concatenate(right)
    return {"taught": float(flat.mean()), "right": float(good[flat].mean())}


def main(
    folder: Annotated[
        Path, typer.Argument(help="Holds images/ and COCO keypoints.", show_default=False)
    ],
    models: Annotated[
        Path | None, typer.Option(help="Folder of the thorough preset's networks.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="The bundled network alone instead.")
    ] = False,
    looks: Annotated[str | None, typer.Option(help="Instead of the recipe's.")] = None,
    device: Annotated[str, typer.Option(help="As of `openpaf val`.")] = "cpu",
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the pictures.")] = 1000,
    out: Out = None,
) -> None:
    """Measure OKS-AP of labels and the time they take; print both and write JSON."""
    dataset = read_folder(folder)
    networks = Networks() if plain else thorough(models)
    recipe = Recipe() if looks is None else Recipe(looks=looks)
    labeller = Labeller(networks, recipe)
    found, times = label(dataset, labeller)
    row = {
        "model": labeller.engine.path.name,
        "refine": networks.refine and Path(networks.refine).name,
        "detectors": [Path(name).name for name in networks.detectors],
        "looks": recipe.looks,
        **precision(dataset, found, resamples),
        **teaching(dataset, found),
        **times,
    }
    typer.echo(
        f"AP {row['AP']:.3f} ({row['AP_low']:.3f} to {row['AP_high']:.3f})  AP50 {row['AP50']:.3f}"
        f"  AP75 {row['AP75']:.3f}  medium {row['APM']:.3f}  large {row['APL']:.3f}\n"
        f"taught {row['taught']:.0%} of the parts that people labelled, {row['right']:.0%} right\n"
        f"{row['seconds']:.2f} s a photograph, {row['core_seconds']:.2f} s of processor time"
    )
    name = folder.resolve().name
    figures = {"folder": name, "annotations_sha256": dataset.sha256, "rows": [row]}
    publish(
        "labels",
        figures,
        out or result_path("labels", name, device),
        versions=(*VERSIONS, "pycocotools"),
    )


if __name__ == "__main__":
    typer.run(main)
