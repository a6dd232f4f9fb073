"""Pictures of failures: the people concerned, with what is annotated and what was found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from openpaf.evaluate.failures import Failure
from openpaf.evaluate.folder import Evaluation
from openpaf.frame import to_frame
from openpaf.optional import cv2
from openpaf.skeleton import COCO_17, COCO_18, MPI_15, Skeleton
from openpaf.style import STYLE, Color

_PICTURE_PX = 360
_MARGIN = 0.35
_FEWEST_FRAME_PX = 64


def draw_failure(evaluation: Evaluation, failure: Failure) -> NDArray[np.uint8]:
    """Cut out the people a failure concerns and draw what is annotated and what was found.

    Returns
    -------
    (H, W, 3) uint8 BGR, longer side 360 px
    """
    image, found = evaluation.images[failure.image], evaluation.found[failure.image]
    truth = np.where(image.labelled[..., None], image.keypoints, np.nan)
    concerned = []
    if failure.truth is not None:
        concerned.append(truth[failure.truth])
    if failure.predicted is not None:
        concerned.append(found.keypoints[failure.predicted])
    left, top, right, bottom = _cut(np.concatenate(concerned), image.size)
    zoom = _PICTURE_PX / max(right - left, bottom - top)
    picture = np.asarray(
        cv2.resize(
            to_frame(image.path)[top:bottom, left:right],
            None,
            fx=zoom,
            fy=zoom,
            interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC,
        ),
        np.uint8,
    )
    corner = np.array([left, top])
    limbs = _limbs(evaluation.skeleton)

    def draw(person: NDArray[np.float64], px: int, color: Color | None = None) -> None:
        _draw_person(picture, (person - corner + 0.5) * zoom - 0.5, limbs, px, color)

    for n, person in enumerate(found.keypoints):
        if n != failure.predicted:
            draw(person, 1, STYLE.others)
    for person in truth:
        draw(person, 2, STYLE.truth)
    if failure.predicted is not None:
        draw(found.keypoints[failure.predicted], 3)
    return picture


def _cut(points: NDArray[np.float64], size: tuple[int, int]) -> tuple[int, int, int, int]:
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    reach = max(float((high - low).max()) * (0.5 + _MARGIN), _FEWEST_FRAME_PX / 2)
    centre = (low + high) / 2
    left, top = np.clip(np.floor(centre - reach), 0, np.array(size) - 1).astype(int)
    right, bottom = np.clip(np.ceil(centre + reach), (left + 1, top + 1), size).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _limbs(skeleton: Skeleton) -> dict[tuple[int, int], Color]:
    """Limbs between the parts that were measured, of the body that shares most, coloured."""
    if not skeleton.is_body:
        return dict(zip(skeleton.limbs, skeleton.colors, strict=True))
    best = max((COCO_17, COCO_18, MPI_15), key=lambda s: len(set(s.parts) & set(skeleton.parts)))
    named = {
        (best.parts[a], best.parts[b]): color
        for (a, b), color in zip(best.limbs, best.colors, strict=True)
    }
    return {
        (skeleton.index(a), skeleton.index(b)): color
        for (a, b), color in named.items()
        if a in skeleton.parts and b in skeleton.parts
    }


def _draw_person(
    picture: NDArray[np.uint8],
    points: NDArray[np.float64],
    limbs: Mapping[tuple[int, int], Color],
    px: int,
    color: Color | None,
) -> None:
    """Draw in the limbs' own colours, or all in one; first everything wider, as an outline."""
    # Two bits of sub-pixel precision, the way OpenCV takes them.
    at = {
        k: (round(float(x) * 4), round(float(y) * 4))
        for k, (x, y) in enumerate(points)
        if np.isfinite(x + y)
    }
    for width, outline in ((px + 2, STYLE.outline), (px, None)):
        for (a, b), own in limbs.items():
            if a in at and b in at:
                shown = outline or color or own
                cv2.line(picture, at[a], at[b], shown, width, cv2.LINE_AA, 2)
        for centre in at.values():
            shown = outline or color or STYLE.truth
            cv2.circle(picture, centre, 2 * width + 2, shown, -1, cv2.LINE_AA, 2)
