"""The rival of the literature: a person detector, then a window network on each of its boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.evaluate.average_precision import FoundPeople
from openpaf.evaluate.dataset import KeypointFolder
from openpaf.frame import to_frame
from openpaf.label.candidates import distinct
from openpaf.topdown import Detector, WindowNetwork

# As the published pipelines have it: parts from here on count towards a person's score, and of
# people more alike than this the better one stays.
_CLEAR, _ALIKE = 0.2, 0.7


def find(frame: NDArray[np.uint8], detector: Detector, network: WindowNetwork) -> FoundPeople:
    """Everyone in a frame; a person's score is the box's times the mean of the clear parts."""
    boxes, box_scores = detector.find(frame)
    keypoints, scores = network.look(frame, network.around(boxes))
    clear = scores > _CLEAR
    mean = (scores * clear).sum(axis=1) / np.maximum(clear.sum(axis=1), 1)
    kept = distinct(keypoints, scores, boxes, box_scores * mean, _ALIKE)
    return FoundPeople(keypoints[kept], scores[kept], (box_scores * mean)[kept])


def find_all(
    dataset: KeypointFolder, detector: Detector, network: WindowNetwork
) -> list[FoundPeople]:
    """Everyone in each picture."""
    return [find(to_frame(Path(image.path)), detector, network) for image in dataset.images]
