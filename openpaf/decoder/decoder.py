"""Fields to people: candidates, connections, people, straight on the field grid."""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder import kernels
from openpaf.decoder.buffers import Buffers
from openpaf.decoder.complete import complete
from openpaf.decoder.config import REFINEMENTS, DecoderConfig
from openpaf.decoder.keep import kept
from openpaf.errors import ConfigError, FieldsError
from openpaf.fields import Fields
from openpaf.models.calibration import UNCALIBRATED, Calibration
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18, Skeleton

Float32 = NDArray[np.float32]

logger = logging.getLogger("openpaf")


class People(NamedTuple):
    """Everyone found, as arrays that the caller owns.

    keypoints : (N, K, 2) float32, net px, NaN where missing; scores : (N, K) float32;
    person_scores : (N,) float32, highest first.
    """

    keypoints: Float32
    scores: Float32
    person_scores: Float32


def _probes(samples: int) -> Float32:
    """Where to look along a limb: from the middle outwards, where false pairs show first."""
    places = np.linspace(0, 1, samples, dtype=np.float32)
    return places[np.argsort(np.abs(places - 0.5), kind="stable")]


class Decoder:
    """Turns fields into people; made once, used for every frame, by any number of threads.

    Kernels let other threads run, so `ThreadPoolExecutor.map(decoder.decode, frames)` decodes as
    many frames at a time as there are cores. What is found does not depend on it.

    Parameters
    ----------
    config : DecoderConfig, optional
    calibration : Calibration, optional
        How the fields of the network are read, from its card; OpenPose's rules know no such thing.

    Raises
    ------
    ConfigError
        When `config` is something else.
    """

    def __init__(
        self, config: DecoderConfig | None = None, calibration: Calibration | None = None
    ) -> None:
        if config is not None and not isinstance(config, DecoderConfig):
            raise ConfigError(f"config must be a DecoderConfig, got {type(config).__name__}")
        self.config = DecoderConfig() if config is None else config
        self._read = self.config.read_by(calibration or UNCALIBRATED)
        self._person = np.array(self._read.person, np.float32)
        self._part = np.array(self._read.part, np.float32)
        self._refinement = REFINEMENTS.index(self.config.refinement)
        self._probes = _probes(self.config.paf_samples)
        self._misses_allowed = int(
            self.config.paf_samples * (1 - self.config.paf_min_fraction) + 1e-6
        )
        self._local = threading.local()

    @property
    def min_score(self) -> float:
        """Lowest score of the people that are given back, unless OpenPose's rules are asked for."""
        return self._read.min_score

    def decode(self, fields: Fields) -> Poses:
        """Find everyone in the fields of one frame.

        Parameters
        ----------
        fields : Fields

        Returns
        -------
        Poses
            In net-input px.

        Raises
        ------
        FieldsError
            When `fields` is something else.
        """
        poses = Poses(*self.people(fields), skeleton=fields.skeleton)
        h, w = fields.confidence_maps.shape[1:]
        return kept(poses, self.config, (fields.stride * w, fields.stride * h))

    def people(self, fields: Fields) -> People:
        """Find everyone, as plain arrays in net-input px; `max_people` is for `decode` to mind."""
        if not isinstance(fields, Fields):
            raise FieldsError(
                f"fields must be Fields, got {type(fields).__name__}; "
                "pass openpaf.Fields(confidence_maps, pafs)"
            )
        rules = self.config.openpose_rules
        if rules is not None:
            from openpaf.decoder.openpose import people_by_openpose

            return People(*people_by_openpose(fields, rules))
        if kernels.all_are_compiled():
            return self._people(fields)
        # Plain kernels would say what compiled ones pass over: a division by zero, an infinity.
        with np.errstate(all="ignore"):
            return self._people(fields)

    def _people(self, fields: Fields) -> People:
        config, read = self.config, self._read
        buffers = self._buffers(fields.skeleton)
        confidence_maps, pafs, width = _for_kernels(fields)
        finding = kernels.for_fields(confidence_maps.size).peaks
        candidates_dropped = finding.find_peaks(
            confidence_maps, read.peak_threshold, self._refinement,
            *buffers.for_row(confidence_maps.shape[2]), *buffers.candidates,
        )  # fmt: skip
        _, joining, assembling = kernels.for_candidates(buffers.candidates[1], buffers.limbs)
        pairs_dropped = joining.connect(
            pafs, width, buffers.limbs, *buffers.candidates, read.paf_threshold, self._probes,
            self._misses_allowed, *buffers.pairs, *buffers.connections,
        )  # fmt: skip
        count = assembling.assemble(
            buffers.limbs, *buffers.connections, *buffers.candidates, *buffers.geometry,
            min(config.min_parts, len(confidence_maps)), read.weakest,
            buffers.owner, buffers.members, *buffers.people, *buffers.ranked,
        )  # fmt: skip
        if candidates_dropped or pairs_dropped:
            logger.info(
                "more than %d candidates of a part: the %d weakest left out, and %d weak pairs",
                config.max_candidates, candidates_dropped, pairs_dropped,
            )  # fmt: skip
        if len(self._person):
            count = assembling.calibrate(
                buffers.members, *buffers.ranked, count, buffers.candidates[0],
                float(fields.stride), self._person, read.min_score, buffers.boxes,
            )  # fmt: skip
        parts = len(confidence_maps)
        people = People(
            np.empty((count, parts, 2), np.float32),
            np.empty((count, parts), np.float32),
            np.empty(count, np.float32),
        )
        assembling.write_people(
            buffers.members, *buffers.ranked, buffers.candidates[0], float(fields.stride),
            self._part, *people,
        )  # fmt: skip
        if config.complete:
            people = People(*complete(*people, fields), people.person_scores)
        return people

    def warm_up(self, skeleton: Skeleton = COCO_18) -> None:
        """Compile every kernel now, or load it from the cache, so that no frame has to wait."""
        kernels.compiled()
        parts, limbs = len(skeleton.parts), len(skeleton.limbs)
        nothing = np.zeros((parts + 2 * limbs, 8, 8), np.float32)
        self.people(Fields(nothing[:parts], nothing[parts:], skeleton=skeleton))

    def _buffers(self, skeleton: Skeleton) -> Buffers:
        buffers: Buffers | None = getattr(self._local, "buffers", None)
        if buffers is None or buffers.skeleton is not skeleton:
            buffers = self._local.buffers = Buffers(skeleton, self.config)
        return buffers


def _for_kernels(fields: Fields) -> tuple[Float32, Float32, int]:
    """Arrays as the kernels are compiled for: writable, PAFs flat and of at least 2x2 cells; w."""
    confidence_maps, pafs = fields.confidence_maps, fields.pafs
    h, w = pafs.shape[1:]
    if h < 2 or w < 2:
        border = ((0, 0), (0, max(2 - h, 0)), (0, max(2 - w, 0)))
        pafs = np.pad(pafs, border, mode="edge")
        h, w = pafs.shape[1:]
    if not confidence_maps.flags.behaved:
        confidence_maps = confidence_maps.copy()
    if not pafs.flags.behaved:
        pafs = pafs.copy()
    return confidence_maps, pafs.reshape(-1, h * w), w


@lru_cache(maxsize=8)
def decoder_of(config: DecoderConfig, calibration: Calibration) -> Decoder:
    """A decoder for options that come with each frame; those of the latest are kept."""
    return Decoder(config, calibration)


_default = Decoder()


def decode(fields: Fields, config: DecoderConfig | None = None) -> Poses:
    """Find everyone in the fields of one frame: the decoder on its own, for anybody's PAF network.

    For many frames with a `config` of one's own, a `Decoder` made once is faster.

    Parameters
    ----------
    fields : Fields
    config : DecoderConfig, optional

    Returns
    -------
    Poses
        In net-input px; cell g of the fields is centred on net px stride * g + (stride - 1) / 2.

    Raises
    ------
    ConfigError, FieldsError
        When an argument is something else.
    """
    return (_default if config is None else Decoder(config)).decode(fields)
