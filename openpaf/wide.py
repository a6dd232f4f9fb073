"""Bodies, hands and faces side by side, as one skeleton: for tables, and for what smooths parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.part_set import KINDS, PartSet, set_of_triples, set_or_missing, triples_of
from openpaf.poses import Poses
from openpaf.skeleton import Skeleton

SMALL_PARTS = {part: name for name, kind in KINDS.items() for part in kind.names}
"""What sets the parts of hands and faces belong to, by names such as "left_hand_thumb_1"."""

_HANGS_ON = {"left_hand_wrist": "left_wrist", "right_hand_wrist": "right_wrist"}


@dataclass(frozen=True)
class WideSkeleton(Skeleton):
    """A body's parts, then those of the sets that go with it.

    Attributes
    ----------
    body : Skeleton
    sets : tuple of str
        Keys of `Poses.part_sets`.
    """

    body: Skeleton | None = None
    sets: tuple[str, ...] = ()


@lru_cache(maxsize=16)
def widened(body: Skeleton, sets: tuple[str, ...]) -> Skeleton:
    """A skeleton of a body and some sets; the body's own where there are none."""
    if not sets:
        return body
    parts, limbs, sigmas = list(body.parts), list(body.limbs), list(body.sigmas)
    for name in sets:
        kind = KINDS[name]
        for word in kind.words:
            first = len(parts)
            parts += [f"{word}_{part}" for part in kind.skeleton.parts]
            limbs += [(first + a, first + b) for a, b in kind.skeleton.limbs]
            sigmas += kind.skeleton.sigmas
    place = {part: k for k, part in enumerate(parts)}
    hands = {hand: wrist for hand, wrist in _HANGS_ON.items() if {hand, wrist} <= place.keys()}
    limbs += [(place[wrist], place[hand]) for hand, wrist in hands.items()]
    return WideSkeleton(
        f"{body.name} with {' and '.join(sets)}",
        tuple(parts),
        tuple(limbs),
        redundant_limbs=body.redundant_limbs,
        pairs=body.pairs,
        sigmas=tuple(sigmas),
        body=body,
        sets=sets,
    )


def body_and_sets(skeleton: Skeleton) -> tuple[Skeleton, tuple[str, ...]]:
    """Undo `widened`."""
    if isinstance(skeleton, WideSkeleton) and skeleton.body is not None:
        return skeleton.body, skeleton.sets
    return skeleton, ()


def sets_of(people: Collection[Poses]) -> tuple[str, ...]:
    """Keys of the sets that any of several `Poses` has, in one order."""
    return tuple(name for name in KINDS if any(name in poses.part_sets for poses in people))


def wide_values(
    poses: Poses, sets: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Keypoints (N, K, 2) and scores (N, K) of the parts of `widened`, in its order."""
    people = len(poses)
    keypoints, scores = [poses.keypoints], [poses.scores]
    for name in sets:
        kind = KINDS[name]
        one = set_or_missing(poses.part_sets, name, people)
        count = len(kind.names)
        keypoints.append(one.keypoints.reshape(people, count, 2))
        scores.append(one.scores.reshape(people, count))
    return np.concatenate(keypoints, axis=1), np.concatenate(scores, axis=1)


def apart(
    keypoints: NDArray[Any], scores: NDArray[Any], parts: int, sets: Sequence[str]
) -> tuple[NDArray[Any], NDArray[Any], dict[str, PartSet]]:
    """Undo `wide_values`: what bodies of so many parts have, and the sets."""
    people, found = len(keypoints), {}
    at = parts
    for name in sets:
        kind = KINDS[name]
        rows = slice(at, at + len(kind.names))
        triples = np.concatenate([keypoints[:, rows], scores[:, rows, None]], axis=2)
        shape = (people, *kind.axes, len(kind.skeleton.parts), 3)
        found[name] = set_of_triples(name, triples.reshape(shape))
        at = rows.stop
    return keypoints[:, :parts], scores[:, :parts], found


def small_parts(poses: Poses) -> list[dict[str, list[float]]]:
    """Hands and face of each person by OpenPose's keys: flat x, y, score, as its JSON has them.

    Zeros where none was found, and an empty list where none was looked for.
    """
    people: list[dict[str, list[float]]] = [{} for _ in range(len(poses))]
    for name, kind in KINDS.items():
        part_set = poses.part_sets.get(name)
        rows: list[list[list[float]]] = [[[]] * len(kind.openpose)] * len(poses)
        if part_set is not None:
            shape = (len(poses), len(kind.openpose), 3 * len(kind.skeleton.parts))
            rows = triples_of(part_set).round(4).reshape(shape).tolist()
        for person, of_person in zip(people, rows, strict=True):
            person.update(zip(kind.openpose, of_person, strict=True))
    return people
