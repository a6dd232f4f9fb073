"""A whole run: what is not yet labelled goes to workers, comes into a journal, then into a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.datasets.labels import PhotoLabels, Teaching
from openpaf.errors import FrameError, SourceError
from openpaf.label import journal
from openpaf.label.labeller import Labeller
from openpaf.label.output import open_output
from openpaf.label.photographs import Photograph
from openpaf.label.recipe import Networks, Recipe
from openpaf.models import find_model
from openpaf.optional import cv2
from openpaf.processes import Tell, spread

Progress = Callable[[int, int], None]
"""Called with how many photographs are done and how many there are, earlier runs included."""


class Task(NamedTuple):
    """A photograph, and the boxes (N, 4) that were given for it."""

    photograph: Photograph
    boxes: NDArray[np.float64] | None


class Done(NamedTuple):
    """What became of a photograph: labels, or the reason why there are none.

    `bad` says that its file is there and is no picture.
    """

    name: str
    labels: PhotoLabels | None = None
    error: str = ""
    bad: bool = False


@dataclass(frozen=True)
class Summary:
    """How a run went.

    Attributes
    ----------
    photographs : int
        Labelled in all, earlier runs included.
    new : int
        Labelled by this one.
    failed : list of Done
    """

    photographs: int
    new: int
    failed: list[Done]


def run(
    photographs: Sequence[Photograph],
    out: Path,
    networks: Networks,
    recipe: Recipe,
    *,
    teaching: Teaching | None = None,
    boxes: Mapping[str, NDArray[np.float64]] | None = None,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> Summary:
    """Label the photographs that a file does not have yet, and add them to it.

    A run that was stopped, however it was, goes on where it was when it is typed again.

    Parameters
    ----------
    photographs : sequence of Photograph
    out : Path
        `.json` or `.npz`; while the run is not at its end, `<out>.part` beside it holds its work.
    networks, recipe
        As for `Labeller`.
    teaching : Teaching, optional
        What of the labels a `.json` teaches.
    boxes : mapping of name to (N, 4) float64, optional
        Boxes that somebody drew.
    workers : int
        Processes; with 1 this one does the work.
    progress : callable, optional

    Raises
    ------
    OpenPafError
        When nothing can be done, or no more: a network fails, the disk is full, the file that is
        there has labels of another skeleton.
    """
    output = open_output(out, teaching or Teaching())
    boxes = boxes or {}
    missing = [one for one in photographs if one.name not in output.names]
    if not missing:
        return Summary(len(output.names), 0, [])
    settings = {"networks": _identity(networks), "recipe": asdict(recipe)}
    part = out.with_name(f"{out.name}.part")
    failed: list[Done] = []
    with journal.opened(part, settings) as diary:
        todo = [Task(one, boxes.get(one.name)) for one in missing if one.name not in diary.labels]
        new = 0
        progress(len(photographs) - len(todo), len(photographs))
        with closing(_work(todo, networks, recipe, workers)) as results:
            for done in results:
                if done.labels is None:
                    failed.append(done)
                else:
                    diary.add(done.name, done.labels)
                    new += 1
                progress(len(photographs) - len(todo) + new + len(failed), len(photographs))
        labels = _in_order(photographs, diary.labels, output.names)
        if not labels and not output.names:
            raise SourceError(
                f"none of {len(missing)} photographs can be labelled, the first: {failed[0].error}"
            )
        if labels:
            output.write(labels, asdict(recipe), [one.name for one in failed if one.bad])
        diary.forget()
    return Summary(len(output.names) + len(labels), new, failed)


def _in_order(
    photographs: Sequence[Photograph],
    labels: Mapping[str, PhotoLabels],
    there: frozenset[str],
) -> dict[str, PhotoLabels]:
    """Labels that are not there yet, in the order of the photographs, whoever was done first."""
    place = {one.name: n for n, one in enumerate(photographs)}
    names = sorted(labels, key=lambda name: place.get(name, len(place)))
    return {name: labels[name] for name in names if name not in there}


def _work(
    todo: Sequence[Task], networks: Networks, recipe: Recipe, workers: int
) -> Generator[Done, None, None]:
    if workers == 1 or len(todo) < 2:
        labeller = Labeller(networks, recipe) if todo else None
        yield from (_label(labeller, task) for task in todo if labeller is not None)
        return
    # What is wrong with a network is said once, and before anything else is started.
    Labeller(networks, recipe)
    start = partial(_start, networks, recipe)
    yield from spread(todo, start, workers=min(workers, len(todo)), lost=_lost)


def _start(networks: Networks, recipe: Recipe, tell: Tell) -> Callable[[Task], Done]:
    cv2.setNumThreads(networks.threads)
    return partial(_label, Labeller(networks, recipe))


def _label(labeller: Labeller, task: Task) -> Done:
    name = task.photograph.name
    try:
        return Done(name, labeller.label(task.photograph.read(), task.boxes))
    except (FrameError, SourceError) as error:
        return Done(name, error=str(error), bad=isinstance(error, FrameError))


def _lost(task: Task) -> Done:
    return Done(
        task.photograph.name,
        error=f"{task.photograph.name}: the worker died on it; where there is too little memory, "
        "pass a smaller --workers",
    )


def _identity(networks: Networks) -> dict[str, str]:
    """Name and checksum of every network: files may move, and others take their names."""
    files = {"model": find_model(networks.model)}
    files |= {f"detector {n}": find_model(one) for n, one in enumerate(networks.detectors, 1)}
    if networks.refine is not None:
        files["refine"] = find_model(networks.refine)
    return {kind: f"{path.name} {_checksum(path)}" for kind, path in files.items()}


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    for file in (path, path.with_suffix(".bin"), path.with_suffix(".toml")):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
