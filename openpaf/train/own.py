"""From a folder of annotated photographs to a recipe that goes on from the bundled network."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import openpaf_weights
from openpaf.datasets import coco
from openpaf.errors import CheckpointError, DatasetError
from openpaf.records import read_toml
from openpaf.train.config import TrainConfig, recipe_from

START = "default"
"""Name of the bundled network's weights before export, in place of a file."""

# A photograph is worth so many crops; fewer in all teach nothing, more teach it by heart.
_CROPS_A_PHOTOGRAPH = 40
_FEWEST, _MOST = 400, 10_000


def recipe_for(folder: Path, images: int | None = None) -> TrainConfig:
    """The recipe for a folder that holds COCO keypoint JSON and its photographs.

    Parameters
    ----------
    folder : Path
        The photographs lie in `images/`, or beside the file.
    images : int, optional
        Crops to see in all; 40 a photograph, 400 to 10,000, when None.

    Raises
    ------
    DatasetError
        When there is no such file, or not just one.
    """
    path = coco.find(folder)
    content, _ = coco.load(path)
    count = len(content["images"])
    if not count:
        raise DatasetError(f"{path} lists no photographs; there is nothing to learn from")
    recipe = Path(str(resources.files("openpaf.train") / "finetune.toml"))
    place = "images" if (folder / "images").is_dir() else "."
    config = recipe_from(
        {
            **read_toml(recipe, "recipe"),
            "images": images or min(max(_CROPS_A_PHOTOGRAPH * count, _FEWEST), _MOST),
            "sets": [{"annotations": path.name, "images": [place]}],
        }
    )
    assert isinstance(config, TrainConfig)
    return config


def start_weights(start: Path) -> Path:
    """File of weights to start from: `default` is the bundled network's, unless it is a file.

    Raises
    ------
    CheckpointError
        When there is no such file.
    """
    if start.exists():
        return start
    if str(start) != START:
        raise CheckpointError(
            f"{start} does not exist; start from a .pt or .safetensors of a run, or from "
            f"{START}: the bundled network"
        )
    return openpaf_weights.bundled_model("default-training.safetensors")
