"""From a folder of annotated photographs to a recipe that goes on from the bundled network."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import openpaf_weights
from openpaf.datasets import coco
from openpaf.errors import CheckpointError, DatasetError
from openpaf.part_names import body_sigma
from openpaf.records import read_toml
from openpaf.skeleton import COCO_18, Skeleton
from openpaf.skeleton_table import table_of
from openpaf.train.config import TrainConfig, recipe_from

START = "default"
"""Name of the bundled network's weights before export, in place of a file."""

_BUNDLED = COCO_18
# A photograph is worth so many crops; fewer in all teach nothing, more teach it by heart.
_CROPS = (40, 400, 10_000)
_CROPS_OF_OTHERS = (100, 3_000, 20_000)


def recipe_for(
    folder: Path, images: int | None = None, skeleton: Skeleton | None = None
) -> TrainConfig:
    """The recipe for a folder that holds COCO keypoint JSON and its photographs.

    The bundled network goes on learning, or learns to find other parts than a person's.

    Parameters
    ----------
    folder : Path
        The photographs lie in `images/`, or beside the file.
    images : int, optional
        Crops to see in all; when None 40 a photograph, 400 to 10,000, and of other parts 100 a
        photograph, 3,000 to 20,000.
    skeleton : Skeleton, optional
        Of the network; when None the one that the data describes, where it labels other parts than
        a person's, else the bundled network's.

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
    chosen = skeleton or described(content, path)
    others = chosen != _BUNDLED
    recipe = read_toml(_recipe("other_parts" if others else "finetune"), "recipe")
    a_photograph, fewest, most = _CROPS_OF_OTHERS if others else _CROPS
    place = "images" if (folder / "images").is_dir() else "."
    config = recipe_from(
        {
            **recipe,
            "images": images or min(max(a_photograph * count, fewest), most),
            "sets": [{"annotations": path.name, "images": [place]}],
            "network": {**recipe["network"], "skeleton": table_of(chosen)},
        }
    )
    assert isinstance(config, TrainConfig)
    return config


def described(content: dict[str, Any], path: Path) -> Skeleton:
    """The skeleton that an annotation file describes; the bundled network's, of a person's parts.

    Raises
    ------
    DatasetError
        When it labels nothing of a person and says nothing of limbs.
    """
    parts = coco.part_names(content, path)
    if all(body_sigma(part) is not None for part in parts):
        return _BUNDLED
    skeleton = coco.skeleton(content, path)
    if skeleton is None and not set(parts) & set(_BUNDLED.parts):
        raise DatasetError(
            f"{path} labels other parts than a person's ({', '.join(parts[:3])}...) and says "
            "nothing of limbs; list them in categories[0].skeleton, or give a skeleton of your own "
            "with --skeleton"
        )
    return skeleton or _BUNDLED


def _recipe(name: str) -> Path:
    return Path(str(resources.files("openpaf.train") / f"{name}.toml"))


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
    return bundled_weights()


def bundled_weights() -> Path:
    """The bundled network's weights before export, which `START` names."""
    return openpaf_weights.bundled_model("default-training.safetensors")
