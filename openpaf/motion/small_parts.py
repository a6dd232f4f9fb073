"""Hands and faces as files have them: flat x, y, score lists of each person, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from openpaf.errors import RecordingError
from openpaf.motion.records import NO_NUMBERS
from openpaf.part_set import KINDS, PartSet, set_of_triples


def sets_of_people(people: Sequence[Mapping[str, Any]], where: str) -> dict[str, PartSet]:
    """Hands and faces of people in the keys of OpenPose's JSON, those that anybody has.

    Parameters
    ----------
    people : sequence of mapping
        One a person; a list that is missing or empty says that nothing was found.
    where : str
        For messages.

    Raises
    ------
    RecordingError
        When a list is not x, y, score of as many parts as hands or faces have.
    """
    found = {}
    for name, kind in KINDS.items():
        lists = [[person.get(key) or [] for key in kind.openpose] for person in people]
        if not any(one for of_person in lists for one in of_person):
            continue
        count = 3 * len(kind.skeleton.parts)
        triples = np.zeros((len(people), len(kind.openpose), count), np.float32)
        for n, of_person in enumerate(lists):
            for place, (key, values) in enumerate(zip(kind.openpose, of_person, strict=True)):
                if values:
                    triples[n, place] = _numbers(values, count, f"{where}: {key}")
        shape = (len(people), *kind.axes, len(kind.skeleton.parts), 3)
        found[name] = set_of_triples(name, triples.reshape(shape))
    return found


def _numbers(values: Any, count: int, where: str) -> Any:
    try:
        flat = np.array(values, np.float32)
    except NO_NUMBERS as error:
        raise RecordingError(f"{where} must be a list of numbers: {error}") from None
    if flat.shape != (count,):
        raise RecordingError(
            f"{where} must be x, y, score of {count // 3} parts, got {flat.size} numbers"
        )
    return flat
