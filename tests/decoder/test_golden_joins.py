"""Joining fragments, on the labelled people of photographs with their necks taken out."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder import Decoder
from openpaf.decoder.config import DecoderConfig
from openpaf.selftest.crowd import draw_fields
from openpaf.skeleton import COCO_17, COCO_18

Float32 = NDArray[np.float32]

NECK = COCO_18.index("neck")
# The pictures are about 400 px long; people get the size they would have in a net input.
SCALE = 1.6


def labelled_crowds(path: Path, most: int) -> list[Float32]:
    """(N, 18, 2) keypoints of pictures with several people, necks hidden, net px."""
    content = json.loads(path.read_text(encoding="utf-8"))
    by_image: dict[int, list[Float32]] = defaultdict(list)
    for person in content["annotations"]:
        keypoints = np.array(person["keypoints"], np.float32).reshape(-1, 3)
        if (keypoints[:, 2] > 0).sum() >= 8:
            by_image[person["image_id"]].append(keypoints)
    crowds: list[Float32] = []
    for people in list(by_image.values()):
        if len(people) < 2 or len(crowds) == most:
            continue
        keypoints = np.array(people)
        places = np.where(keypoints[..., 2:] > 0, keypoints[..., :2], np.nan)
        hidden, _ = COCO_17.convert(places.astype(np.float32), keypoints[..., 2], COCO_18)
        hidden[:, NECK] = np.nan
        crowds.append(SCALE * hidden)
    return crowds


def mixed(found: Float32, truth: Float32) -> int:
    """How many of the people found have parts of two."""
    count = 0
    for person in found:
        owners = set()
        for k in np.flatnonzero(np.isfinite(person[:, 0])):
            distance = np.nan_to_num(np.linalg.norm(truth[:, k] - person[k], axis=1), nan=np.inf)
            if (distance < 4).sum() == 1:
                owners.add(int(distance.argmin()))
        count += len(owners) > 1
    return count


def test_joins_are_right(shared: Path) -> None:
    crowds = labelled_crowds(shared / "data" / "coco_train.json", 250)
    apart, together = Decoder(DecoderConfig(join_fragments=False)), Decoder()
    joins, wrong = 0, 0
    for truth in crowds:
        width, height = np.nanmax(truth, axis=(0, 1)) // 8 + 4
        fields = draw_fields(truth, COCO_18, (int(width), int(height)))
        before, after = apart.people(fields).keypoints, together.people(fields).keypoints
        joins += len(before) - len(after)
        wrong += mixed(after, truth) - mixed(before, truth)
    assert joins > 200
    assert wrong <= 0.03 * joins
