"""Evaluate an engine on a folder of annotated pictures."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openpaf import __version__
from openpaf.decoder.config import DecoderConfig
from openpaf.errors import MissingExtraError
from openpaf.evaluate.average_precision import FoundPeople, match_people, precision
from openpaf.evaluate.dataset import AnnotatedImage, KeypointFolder, read_folder
from openpaf.evaluate.failures import KINDS, Failure, find_failures
from openpaf.evaluate.pairing import measure_parts, measure_people, pair_people
from openpaf.evaluate.predict import Predictions, Progress, predict
from openpaf.evaluate.reliability import measure_reliability, measure_shift
from openpaf.evaluate.report import Data, Report, estimate_figures
from openpaf.looks import check_looks, looks_of
from openpaf.selftest.machine import usable_cores
from openpaf.skeleton import Skeleton

if TYPE_CHECKING:
    from openpaf.engine import Engine


LOWEST = 0.05
"""Probability of the least sure people that AP is counted over."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A report and what it was made from.

    Attributes
    ----------
    report : Report
    skeleton : Skeleton
        The parts that were measured.
    images : sequence of AnnotatedImage
    found : list of FoundPeople
        One entry an image: those that `min_score` keeps.
    failures : list of Failure
    """

    report: Report
    skeleton: Skeleton
    images: Sequence[AnnotatedImage]
    found: list[FoundPeople]
    failures: list[Failure]


def evaluate_folder(
    engine: Engine,
    folder: str | Path,
    *,
    annotations: str | Path | None = None,
    config: DecoderConfig | None = None,
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Measure how well an engine finds people: OKS-AP and the rest, with bootstrap intervals.

    Parameters
    ----------
    engine : Engine
    folder : path
        Holds `images/` and COCO keypoint JSON. Parts are matched by name; parts the engine's
        skeleton cannot give are left out and listed in `report.data.left_out`.
    annotations : path, optional
        The JSON file, where it is not the only one in the folder or `person_keypoints.json`.
    config : DecoderConfig, optional
    flip, scales
        Average over the mirrored frame and over net sizes, in place of the engine's own looks.
    resamples, seed : int
        Of the bootstrap over images.
    progress : callable, optional
        Called with pictures done and pictures in all.

    Returns
    -------
    Report
        `report.ap` is OKS-AP with its 95 % interval.

    Raises
    ------
    DatasetError
        When the folder cannot be used; the message says why.
    """
    dataset = read_folder(Path(folder), None if annotations is None else Path(annotations))
    (evaluation,) = evaluate(
        engine,
        dataset,
        {"": config or DecoderConfig()},
        flip=flip,
        scales=scales,
        resamples=resamples,
        seed=seed,
        progress=progress,
    ).values()
    return evaluation.report


def evaluate(
    engine: Engine,
    dataset: KeypointFolder,
    configs: Mapping[str, DecoderConfig],
    *,
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Evaluation]:
    """`evaluate_folder` for several decoder settings in one pass of the network."""
    looks = engine.looks if (flip, tuple(scales)) == (False, (1.0,)) else looks_of(scales, flip)
    check_looks(looks, engine.session)
    try:
        import pycocotools  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            'evaluation needs pycocotools; install it with: pip install "openpaf[val]"'
        ) from error
    known = dataset.restricted(parts_from(engine.skeleton, dataset.parts))
    target = engine.skeleton.restricted(known.parts)
    calibration = engine.card.calibration
    # Where scores are probabilities, AP looks further down than anybody else would, unless told.
    lowest = {
        name: replace(config, min_score=min(LOWEST, calibration.min_score))
        if calibration.person and config.openpose_rules is None and config.min_score is None
        else config
        for name, config in configs.items()
    }
    predictions = predict(engine, known.images, target, lowest, looks=looks, progress=progress)
    data = describe_data(dataset, known)
    settings = _settings(engine) | {
        "flip": any(look.mirrored for look in looks),
        "scales": sorted({look.scale for look in looks}),
    }
    return {
        name: make_evaluation(
            known.images,
            target,
            data,
            settings | {"decoder": asdict(config)},
            predictions[name],
            config.read_by(calibration).min_score,
            resamples,
            seed,
        )
        for name, config in configs.items()
    }


def _settings(engine: Engine) -> dict[str, Any]:
    width_by_height = None if engine.net_size is None else "{}x{}".format(*engine.net_size)
    return {
        "openpaf": __version__,
        "model": engine.card.name,
        "file": engine.path.name,
        "provider": engine.provider,
        "net": width_by_height or f"height {engine.net_height}",
        **({} if engine.tiles is None else {"tiles": "{}x{}".format(*engine.tiles.size)}),
        **({} if engine.refiner is None else {"refined by": engine.refiner.path.name}),
        "machine": f"{platform.platform()}, {usable_cores()} CPUs",
    }


def describe_data(dataset: KeypointFolder, known: KeypointFolder) -> Data:
    """What a report says of a folder, of which the `known` parts are measured."""
    return Data(
        str(dataset.folder),
        dataset.annotations.name,
        dataset.sha256,
        len(known.images),
        int(sum((~image.ignored).sum() for image in known.images)),
        known.parts,
        tuple(part for part in dataset.parts if part not in known.parts),
    )


def parts_from(source: Skeleton, wanted: Sequence[str]) -> list[str]:
    """Those of the wanted parts that people of a skeleton can be given."""
    parts = len(source.parts)
    everything = np.zeros((1, parts, 2), np.float32), np.ones((1, parts), np.float32)
    _, scores = source.convert(*everything, Skeleton("wanted", tuple(wanted), (), ()))
    return [part for part, score in zip(wanted, scores[0], strict=True) if score > 0]


def make_evaluation(
    images: Sequence[AnnotatedImage],
    skeleton: Skeleton,
    data: Data,
    settings: Mapping[str, Any],
    predictions: Predictions,
    min_score: float,
    resamples: int,
    seed: int,
) -> Evaluation:
    """Measure what was found, image by image, and sum it up."""
    everybody = [predictions.found[place] for place in range(len(images))]
    found = [people.at_least(min_score) for people in everybody]
    sigmas = skeleton.sigmas
    matches = match_people(images, everybody, sigmas)
    people = pair_people(images, found, sigmas)
    ratios = measure_people(people, skeleton.parts, len(images), precision(matches, min_score))
    failures = find_failures(images, found, sigmas, skeleton.flip)
    counts = Counter(failure.kind for failure in failures)
    report = Report(
        data,
        settings,
        estimate_figures(matches, ratios, resamples=resamples, seed=seed),
        measure_parts(people, skeleton.parts, sigmas),
        {kind: counts[kind] for kind in KINDS},
        _speed(predictions),
        matches,
        ratios,
        measure_reliability(images, everybody, sigmas),
        measure_shift(
            images,
            found,
            [predictions.scales[place] for place in range(len(images))],
            sigmas,
            resamples=resamples,
            seed=seed,
        ),
    )
    return Evaluation(report, skeleton, images, found, failures)


def _speed(predictions: Predictions) -> dict[str, float]:
    speed: dict[str, float] = {}
    for stage, times in {
        "network": predictions.network_ms,
        "decoder": predictions.decode_ms,
    }.items():
        low, median, high = np.percentile(times, (25, 50, 75))
        speed |= {
            f"{stage} ms": float(median),
            f"{stage} ms, lower quartile": float(low),
            f"{stage} ms, upper quartile": float(high),
        }
    return speed | {"frames/s": 1000 / (speed["network ms"] + speed["decoder ms"])}
