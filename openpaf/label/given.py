"""Boxes that somebody drew or another program found, out of COCO JSON."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.datasets import coco
from openpaf.errors import DatasetError


def read_boxes(path: Path) -> dict[str, NDArray[np.float64]]:
    """Boxes of every photograph in a file, by its name.

    Parameters
    ----------
    path : Path
        COCO JSON: `images` with `file_name`, `annotations` with `bbox`; crowds are left out.

    Returns
    -------
    dict of str to (N, 4) float64
        x0, y0, x1, y1, px.

    Raises
    ------
    DatasetError
        When it cannot be read, is not COCO JSON, or has no box.
    """
    content, _ = coco.load(path)
    names = {
        coco.integer(image, "id", path): coco.file_name(image, path) for image in content["images"]
    }
    found: dict[str, list[list[float]]] = {}
    for annotation in content["annotations"]:
        name = names.get(coco.integer(annotation, "image_id", path))
        if name is None or annotation.get("iscrowd"):
            continue
        x, y, width, height = coco.box(annotation, "bbox", path)
        # Edges: a box from 0 begins with the first px, whose centre is at 0.
        found.setdefault(name, []).append([x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5])
    if not found:
        raise DatasetError(f"{path} has no box around anybody; annotations need bbox")
    return {name: np.array(rows, np.float64) for name, rows in found.items()}
