"""How many people tiles find in 4K pictures that are made of photographs, and whom they find twice.

    python -m benchmarks.bench_tiles coco_val
    python -m benchmarks.bench_tiles coco_train --pictures 200

Photographs are laid side by side, each at its own size, until a picture of 3840x2160 px is full.
Whoever is found in a photograph by itself should be found in the large picture too. Writes
`tiles--<folder>--<device>.json`, whose `rows`, one a network and way of looking, hold

    model, runtime, looks   str; looks is "whole" or "tiles"
    alone                   int: labelled people who are found in the photographs by themselves
    again                   int: how many of them are found in the large pictures
    share                   again / alone
    found, twice            int: labelled people found in the large pictures, and more than once
    false_alone, false      int: people found where nobody is labelled; crowds do not count
    ms, pictures            median of a large picture; how many of them
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.scenes.sheets import Sheet, sheets
from benchmarks.tools.engines import Models, runtime, variants
from benchmarks.tools.options import Out
from benchmarks.tools.record import VERSIONS, result_path
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf import Engine, OpenPafError, Poses
from openpaf.evaluate import read_folder
from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.evaluate.folder import parts_from
from openpaf.evaluate.judging import RIGHT, judge
from openpaf.evaluate.metrics import oks
from openpaf.evaluate.predict import as_found
from openpaf.frame import to_frame
from openpaf.skeleton import Skeleton

_TABLE = columns(
    "model | runtime | looks | alone:d | again:d | share:,.3f | found:d | twice:d | "
    "false alone = false_alone:d | false:d | ms:,.0f | pictures:d"
)
_PER_PERSON = {
    "keypoints", "labelled", "areas", "boxes", "torso_lengths", "head_lengths", "crowd", "ignored",
}  # fmt: skip


@dataclass(frozen=True)
class Count:
    """Who was found of the labelled people of one picture, and how many are nobody.

    hit, twice : (P,) bool
    """

    hit: NDArray[np.bool_]
    twice: NDArray[np.bool_]
    false: int


def count(image: AnnotatedImage, poses: Poses, target: Skeleton) -> Count:
    """Compare people with labels, both in frame px."""
    found, _ = as_found(poses, target)
    judged = judge(image, found, target.sigmas)
    hit = np.zeros(len(image.areas), bool)
    hit[judged.truth[judged.right]] = True
    alike = oks(
        image.keypoints, image.labelled, image.areas, image.boxes, found.keypoints, target.sigmas
    )
    twice = ((alike >= RIGHT).sum(axis=0) > 1) & ~image.ignored
    return Count(hit, twice, int((judged.counts & ~judged.right).sum()))


def everybody(sheet: Sheet) -> AnnotatedImage:
    """All labels of a sheet as those of one picture."""
    labels: dict[str, Any] = {
        field.name: np.concatenate([getattr(one, field.name) for one in sheet.photographs])
        for field in fields(AnnotatedImage)
        if field.name in _PER_PERSON
    }
    height, width = sheet.frame.shape[:2]
    return replace(sheet.photographs[0], size=(width, height), **labels)


def alone(engine: Engine, sheet: Sheet, target: Skeleton) -> list[Count]:
    """Who is found in each photograph by itself."""
    counts = []
    for image, corner in zip(sheet.photographs, sheet.corners, strict=True):
        poses = engine.detect(to_frame(image.path))
        moved = replace(poses, keypoints=poses.keypoints + corner.astype(np.float32))
        counts.append(count(image, moved, target))
    return counts


def compare(
    about: dict[str, Any], made: Sequence[Sheet], parts: Sequence[str], **options: Any
) -> Iterator[dict[str, Any]]:
    """A row for the whole picture and one for tiles."""
    with Engine(**options) as engine:
        target = engine.skeleton.restricted(parts_from(engine.skeleton, parts))
        single = [alone(engine, sheet, target) for sheet in made]
        about = about | {"runtime": runtime(engine)}
    hits = np.concatenate([one.hit for counts in single for one in counts])
    about |= {
        "alone": int(hits.sum()),
        "false_alone": sum(one.false for counts in single for one in counts),
        "pictures": len(made),
    }
    for looks in ("whole", "tiles"):
        with Engine(**options, tiles=looks == "tiles") as engine:
            counts, taken = [], []
            for sheet in made:
                started = time.perf_counter()
                poses = engine.detect(sheet.frame)
                taken.append(1000 * (time.perf_counter() - started))
                counts.append(count(everybody(sheet), poses, target))
        again = hits & np.concatenate([one.hit for one in counts])
        yield about | {
            "looks": looks,
            "again": int(again.sum()),
            "share": float(again.sum() / max(hits.sum(), 1)),
            "found": int(sum(one.hit.sum() for one in counts)),
            "twice": int(sum(one.twice.sum() for one in counts)),
            "false": sum(one.false for one in counts),
            "ms": float(np.median(taken)),
        }


def bench(models: str, made: Sequence[Sheet], parts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Two rows a network and runtime."""
    for variant in variants(models):
        about = variant.record()
        try:
            yield from compare(about, made, parts, model=variant.model, device=variant.device)
        except OpenPafError as error:
            yield about | {"looks": "", "reason": str(error)}


def main(
    folder: Annotated[
        Path, typer.Argument(help="Holds images/ and COCO keypoints.", show_default=False)
    ],
    models: Models = "default,default-int8",
    pictures: Annotated[
        int | None, typer.Option(min=1, help="Only so many photographs.", show_default="all")
    ] = None,
    out: Out = None,
) -> None:
    """Measure what tiles find in 4K pictures of known truth; print a table and write JSON."""
    dataset = read_folder(folder)
    name = folder.resolve().name
    made = list(sheets(dataset.images[:pictures]))
    figures = {
        "folder": name,
        "annotations_sha256": dataset.sha256,
        "rows": show(_TABLE, bench(models, made, dataset.parts)),
    }
    publish("tiles", figures, out or result_path("tiles", name), versions=VERSIONS)


if __name__ == "__main__":
    typer.run(main)
