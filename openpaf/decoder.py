"""Fields to people: candidates, connections, people, straight on the field grid."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.body_geometry import body_geometry
from openpaf.config import REFINEMENTS, DecoderConfig
from openpaf.fields import Fields
from openpaf.openpose_decoder import people_by_openpose
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18, Skeleton
from openpaf_kernels.limbs import PAIRS_A_START, connect
from openpaf_kernels.peaks import find_peaks
from openpaf_kernels.people import SUMS, assemble, write_people

Float32 = NDArray[np.float32]


_LAYOUT = ["C", "A", "W"]

# Joins of fragments that are weighed in one frame; more only come from noise.
_MOST_JOINS = 512


class People(NamedTuple):
    """Everyone found, as arrays that the caller owns.

    keypoints : (N, K, 2) float32, net px, NaN where missing; scores : (N, K) float32;
    person_scores : (N,) float32, highest first.
    """

    keypoints: Float32
    scores: Float32
    person_scores: Float32


class _Buffers:
    """Everything the kernels write to; one set a thread and skeleton."""

    def __init__(self, skeleton: Skeleton, room: int) -> None:
        parts, limbs = len(skeleton.parts), len(skeleton.limbs)
        people = parts * room // 2 + 1
        pairs = room * PAIRS_A_START
        self.skeleton = skeleton
        self.limbs = np.array(skeleton.limbs, np.int32).reshape(-1, 2)
        xs, ys, scores = np.empty((3, parts, room), np.float32)
        counts = np.empty(parts, np.int32)
        self.places = (xs, ys, counts)
        self.candidates = (xs, ys, scores, counts)
        self.pairs = (
            np.empty((6, room), np.float32),
            np.empty(room, np.uint8),
            np.empty(room, np.int32),
            np.empty(pairs, np.int32),
            np.empty(pairs, np.int32),
            np.empty(pairs, np.float32),
            np.empty(room, np.int32),
            np.empty(room, np.int32),
        )
        self.connections = (
            np.empty((limbs, room), np.int32),
            np.empty((limbs, room), np.int32),
            np.empty((limbs, room), np.float32),
            np.empty(limbs, np.int32),
        )
        self.members = np.empty((people, parts), np.int32)
        self.ranking = np.empty(people, np.int32)
        self.person_scores = np.empty(people, np.float32)
        self.people = (
            np.empty((parts, room), np.int32),
            self.members,
            np.empty((people, SUMS), np.float32),
            np.empty(people, np.int32),
            np.empty(people, np.int64),
            self.ranking,
            self.person_scores,
            np.empty(_MOST_JOINS, np.int32),
            np.empty(_MOST_JOINS, np.int32),
            np.empty(_MOST_JOINS, np.float32),
        )
        self.row = (np.empty(0, np.uint8), np.empty(0, np.float32))

    def for_row(self, width: int) -> tuple[NDArray[np.uint8], Float32]:
        if len(self.row[1]) != width:
            self.row = (np.empty((width + 7) // 8 * 8, np.uint8), np.empty(width, np.float32))
        return self.row


def _probes(samples: int) -> Float32:
    """Where to look along a limb: from the middle outwards, where false pairs show first."""
    places = np.linspace(0, 1, samples, dtype=np.float32)
    return places[np.argsort(np.abs(places - 0.5), kind="stable")]


class Decoder:
    """Turns fields into people; made once, used for every frame, by any number of threads.

    Parameters
    ----------
    config : DecoderConfig, optional
    """

    def __init__(self, config: DecoderConfig | None = None) -> None:
        self.config = DecoderConfig() if config is None else config
        self._refinement = REFINEMENTS.index(self.config.refinement)
        self._probes = _probes(self.config.paf_samples)
        self._misses_allowed = int(
            self.config.paf_samples * (1 - self.config.paf_min_fraction) + 1e-6
        )
        self._local = threading.local()

    def decode(self, fields: Fields) -> Poses:
        """Find everyone in the fields of one frame.

        Parameters
        ----------
        fields : Fields

        Returns
        -------
        Poses
            In net-input px.
        """
        return Poses(*self.people(fields), skeleton=fields.skeleton)

    def people(self, fields: Fields) -> People:
        """Find everyone, as plain arrays in net-input px; what `decode` wraps in `Poses`."""
        config = self.config
        if config.openpose_rules is not None:
            people = people_by_openpose(fields, config.openpose_rules)
            return People(*(array[: config.max_people] for array in people))
        buffers = self._buffers(fields.skeleton)
        confidence_maps, pafs = _for_kernels(fields)
        geometry = body_geometry(fields.skeleton)
        find_peaks(
            confidence_maps, config.peak_threshold, self._refinement,
            *buffers.for_row(confidence_maps.shape[2]), *buffers.candidates,
        )  # fmt: skip
        connect(
            pafs, buffers.limbs, *buffers.places, config.paf_threshold, self._probes,
            self._misses_allowed, *buffers.pairs, *buffers.connections,
        )  # fmt: skip
        count = assemble(
            buffers.limbs, *buffers.connections, *buffers.candidates, *geometry,
            config.min_parts, config.min_score, *buffers.people,
        )  # fmt: skip
        if config.max_people is not None:
            count = min(count, config.max_people)
        parts = len(confidence_maps)
        people = People(
            np.empty((count, parts, 2), np.float32),
            np.empty((count, parts), np.float32),
            np.empty(count, np.float32),
        )
        write_people(
            buffers.members, buffers.ranking, buffers.person_scores, *buffers.candidates[:3],
            float(fields.stride), *people,
        )  # fmt: skip
        return people

    def warm_up(self, skeleton: Skeleton = COCO_18) -> None:
        """Compile every kernel now, or load it from the cache, so that no frame has to wait."""
        parts, limbs = len(skeleton.parts), len(skeleton.limbs)
        nothing = np.zeros((parts + 2 * limbs, 8, 8), np.float32)
        self.people(Fields(nothing[:parts], nothing[parts:], skeleton=skeleton))

    def _buffers(self, skeleton: Skeleton) -> _Buffers:
        buffers: _Buffers | None = getattr(self._local, "buffers", None)
        if buffers is None or buffers.skeleton is not skeleton:
            buffers = self._local.buffers = _Buffers(skeleton, self.config.max_candidates)
        return buffers


def _for_kernels(fields: Fields) -> tuple[Float32, Float32]:
    """Contiguous, writable arrays of at least 2x2 cells, as the kernels are compiled for."""
    confidence_maps = np.require(fields.confidence_maps, np.float32, _LAYOUT)
    pafs = np.require(fields.pafs, np.float32, _LAYOUT)
    h, w = pafs.shape[1:]
    if h < 2 or w < 2:
        border = ((0, 0), (0, max(2 - h, 0)), (0, max(2 - w, 0)))
        pafs = np.pad(pafs, border, mode="edge")
    return confidence_maps, pafs


_default = Decoder()


def decode(fields: Fields, config: DecoderConfig | None = None) -> Poses:
    """Find everyone in the fields of one frame: the decoder on its own, for anybody's PAF network.

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
    ConfigError
        When an option cannot work.
    """
    return (_default if config is None else Decoder(config)).decode(fields)
