"""Where hands and faces are to be looked for, from the body: square windows turned upright.

The shares are of an adult's usual measures, of which the longest seen counts, because limbs that
point at the camera look short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import SkeletonError
from openpaf.skeleton import Skeleton
from openpaf.topdown.windows import Windows

Floats = NDArray[np.float64]

# The middle of a hand lies this far beyond the wrist, and its window is this wide, in forearms.
_BEYOND, _FOREARMS = 0.35, 1.3
# A forearm, in upper arms, widths of the shoulders and torsos.
_OF_UPPER_ARM, _OF_SHOULDERS, _OF_TORSO = 0.8, 0.65, 0.45

# A face's window in distances between eyes, between ears, from eye to ear, from nose to ear, in
# widths of the shoulders and in torsos.
_EYES, _EARS, _EYE_EAR, _NOSE_EAR, _FACE_OF_SHOULDERS, _FACE_OF_TORSO = 3.5, 1.5, 2.3, 1.8, 0.5, 0.3
# Its middle lies below the line of nose and ears, and below the eyes, in windows.
_BELOW, _BELOW_EYES = 0.1, 0.2

_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_SIDES = ("left", "right")


def hand_windows(
    keypoints: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]], skeleton: Skeleton
) -> tuple[Windows, NDArray[np.intp]]:
    """Windows of the hands of people whose elbow and wrist were found.

    Parameters
    ----------
    keypoints : (N, K, 2) floating point
        Frame px.
    scores : (N, K) floating point
        0 where a part was not found.
    skeleton : Skeleton
        Of a body.

    Returns
    -------
    windows : Windows
        Fingers point up; those of left hands, and they alone, are mirrored.
    people : (M,) intp
        Whose hand each is; left ones first.

    Raises
    ------
    SkeletonError
        When the skeleton has no forearms.
    """
    place = _Places(keypoints, scores, skeleton)
    _need(skeleton, [f"{side}_{part}" for side in _SIDES for part in ("elbow", "wrist")])
    shoulders, torso = _body(place)
    made: list[tuple[Floats, Floats, Floats]] = []
    for side in _SIDES:
        wrist, elbow = place(f"{side}_wrist"), place(f"{side}_elbow")
        forearm = wrist - elbow
        length = _longest(
            _norm(forearm),
            _OF_UPPER_ARM * _norm(elbow - place(f"{side}_shoulder")),
            _OF_SHOULDERS * shoulders,
            _OF_TORSO * torso,
        )
        angle = np.arctan2(forearm[:, 0], -forearm[:, 1])
        made.append((wrist + _BEYOND * forearm, _FOREARMS * length, angle))
    centres, sides, angles = (np.concatenate(column) for column in zip(*made, strict=True))
    left = np.repeat([True, False], len(keypoints))
    people = np.tile(np.arange(len(keypoints)), 2)
    return _where_known(centres, sides, angles, left, people)


def face_windows(
    keypoints: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]], skeleton: Skeleton
) -> tuple[Windows, NDArray[np.intp]]:
    """Windows of the faces of people whose nose, or an eye, was found.

    Parameters
    ----------
    keypoints : (N, K, 2) floating point
        Frame px.
    scores : (N, K) floating point
        0 where a part was not found.
    skeleton : Skeleton
        Of a body.

    Returns
    -------
    windows : Windows
        The line of the eyes lies level.
    people : (M,) intp
        Whose face each is.

    Raises
    ------
    SkeletonError
        When the skeleton has no nose, eyes and ears.
    """
    place = _Places(keypoints, scores, skeleton)
    _need(skeleton, _HEAD)
    nose, *pairs = (place(part) for part in _HEAD)
    left_eye, right_eye, left_ear, right_ear = pairs
    eyes, ears = _mean(left_eye, right_eye), _mean(left_ear, right_ear)
    level = (left_eye - right_eye, left_ear - right_ear, left_ear - left_eye, right_ear - right_eye)
    shoulders, torso = _body(place)
    sides = _longest(
        _EYES * _norm(level[0]), _EARS * _norm(level[1]),
        *(_EYE_EAR * _norm(line) for line in level[2:]),
        *(_NOSE_EAR * _norm(ear - nose) for ear in (left_ear, right_ear)),
        _FACE_OF_SHOULDERS * shoulders, _FACE_OF_TORSO * torso,
    )  # fmt: skip
    head = _first(nose, eyes)
    neck = _first(place("neck"), _mean(place("left_shoulder"), place("right_shoulder")))
    angles = _roll(level, head - neck)
    down = np.stack([-np.sin(angles), np.cos(angles)], axis=1) * sides[:, None]
    centres = _first(_mean(nose, ears, both=True) + _BELOW * down, nose + _BELOW / 2 * down,
                     eyes + _BELOW_EYES * down)  # fmt: skip
    people = np.arange(len(keypoints))
    return _where_known(centres, sides, angles, np.zeros(len(keypoints), bool), people)


def _roll(level: Sequence[Floats], up: Floats) -> Floats:
    """(N,) radians clockwise of heads: the mean of lines that lie level, longer ones counting more.

    Such a line has no direction; the head that is nearer to `up` is meant, or to upright.
    """
    doubled = sum(np.nan_to_num(line[:, 0] + 1j * line[:, 1]) ** 2 for line in level)
    seen = np.abs(doubled) > 0
    upright = np.nan_to_num(np.arctan2(up[:, 0], -up[:, 1]))
    angles = np.where(seen, np.angle(doubled) / 2, upright)
    away = np.cos(angles - upright) < 0
    result: Floats = np.where(away, angles - np.pi * np.where(angles > 0, 1, -1), angles)
    return result


class _Places:
    """Places (N, 2) of parts by name, NaN where they were not found or there is no such part."""

    def __init__(
        self,
        keypoints: NDArray[np.floating[Any]],
        scores: NDArray[np.floating[Any]],
        skeleton: Skeleton,
    ) -> None:
        self._skeleton = skeleton
        self._keypoints = np.where(scores[..., None] > 0, keypoints, np.nan).astype(np.float64)

    def __call__(self, part: str) -> Floats:
        if part not in self._skeleton.parts:
            return np.full((len(self._keypoints), 2), np.nan)
        return self._keypoints[:, self._skeleton.index(part)]


def _need(skeleton: Skeleton, parts: Sequence[str]) -> None:
    lacking = [part for part in parts if part not in skeleton.parts]
    if lacking:
        raise SkeletonError(f"{skeleton.name} has no {lacking[0]}, by which the windows are placed")


def _body(place: _Places) -> tuple[Floats, Floats]:
    """(N,) width of the shoulders, and length of the torso."""
    left, right = place("left_shoulder"), place("right_shoulder")
    hips = _mean(place("left_hip"), place("right_hip"))
    return _norm(left - right), _norm(_mean(left, right) - hips)


def _norm(lines: Floats) -> Floats:
    result: Floats = np.linalg.norm(lines, axis=-1)
    return result


def _mean(a: Floats, b: Floats, *, both: bool = False) -> Floats:
    """The mean of both, or the one that is known."""
    middle = (a + b) / 2
    return middle if both else _first(middle, a, b)


def _first(*choices: Floats) -> Floats:
    """The first that is known, row by row."""
    result = choices[0]
    for other in choices[1:]:
        result = np.where(np.isnan(result), other, result)
    return result


def _longest(*lengths: Floats) -> Floats:
    """The longest of those known; NaN where none is."""
    result = np.fmax.reduce(np.stack(lengths), axis=0)
    return np.asarray(result, np.float64)


def _where_known(
    centres: Floats,
    sides: Floats,
    angles: Floats,
    mirrored: NDArray[np.bool_],
    people: NDArray[np.intp],
) -> tuple[Windows, NDArray[np.intp]]:
    known = np.isfinite(centres).all(axis=1) & (sides > 0)
    windows = Windows.squares(centres, sides, angles, mirrored)
    return windows[known], people[known]
