"""Fit the shapes of bodies that `complete=True` expects missing parts by.

    python -m benchmarks.bodies coco_train

Takes the people of whom half of the parts or more are labelled, their mirror images too, and writes
the mean and the covariance of their parts to `openpaf/decoder/bodies.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.tools.options import Out
from benchmarks.tools.places import ROOT
from openpaf.decoder.bodies import FILE, fit_bodies
from openpaf.evaluate import read_folder
from openpaf.files import replacing
from openpaf.skeleton import COCO_17, COCO_18

_DIGITS = 4


def main(
    folder: Annotated[
        Path, typer.Argument(help="Holds images/ and COCO keypoints.", show_default=False)
    ],
    out: Out = None,
) -> None:
    """Fit the shapes of bodies and write them."""
    dataset = read_folder(folder)
    order = [dataset.parts.index(part) for part in COCO_17.parts]
    keypoints = np.concatenate([image.keypoints for image in dataset.images])[:, order]
    labelled = np.concatenate([image.labelled for image in dataset.images])[:, order]
    enough = 2 * labelled.sum(axis=1) >= len(order)
    keypoints, labelled = keypoints[enough], labelled[enough]
    people, found = COCO_17.convert(
        keypoints.astype(np.float32), labelled.astype(np.float32), COCO_18
    )
    known = np.where(found[..., None] > 0, people, np.nan).astype(np.float64)
    mean, covariance = fit_bodies(known, COCO_18.flip)
    values = {
        "people": len(people),
        "annotations_sha256": dataset.sha256,
        "parts": list(COCO_18.parts),
        "mean": mean.round(_DIGITS).tolist(),
        "covariance": covariance.round(_DIGITS).tolist(),
    }
    path = out or ROOT / "openpaf" / "decoder" / FILE
    with replacing(path) as partial:
        partial.write_text(json.dumps(values) + "\n", "utf-8")
    typer.echo(f"{len(people)} people; written: {path}")


if __name__ == "__main__":
    typer.run(main)
