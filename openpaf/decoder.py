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
from openpaf_kernels.limbs import END_ROWS, INT_ROWS, PAIRS_A_START, connect
from openpaf_kernels.peaks import find_peaks
from openpaf_kernels.people import SUMS, assemble, write_people

Float32 = NDArray[np.float32]


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
        self.skeleton = skeleton
        self.limbs = np.array(skeleton.limbs, np.int32).reshape(-1, 2)
        self.geometry = body_geometry(skeleton)
        self.row = _row_buffers(0)
        self.candidates = (np.zeros((3, parts, room), np.float32), np.zeros(parts, np.int32))
        self.pairs = (
            np.empty((2, END_ROWS, room), np.float32),
            np.empty((INT_ROWS, room), np.int32),
            np.empty((2, room * PAIRS_A_START), np.int32),
            np.empty(room * PAIRS_A_START, np.float32),
        )
        self.connections = (
            np.empty((2, limbs, room), np.int32),
            np.empty((limbs, room), np.float32),
            np.empty(limbs, np.int32),
        )
        self.members = np.empty((people, parts), np.int32)
        self.people = (
            np.empty((people, SUMS), np.float32),
            np.empty(people, np.int32),
            np.empty(people, np.int64),
            np.empty((2, _MOST_JOINS), np.int32),
            np.empty(_MOST_JOINS, np.float32),
        )
        self.owner = np.empty((parts, room), np.int32)
        self.ranked = (np.empty(people, np.int32), np.empty(people, np.float32))

    def for_row(self, width: int) -> _RowBuffers:
        if len(self.row.beyond) != width:
            self.row = _row_buffers(width)
        return self.row


class _RowBuffers(NamedTuple):
    flags: NDArray[np.uint8]
    words: NDArray[np.uint64]
    beyond: Float32


def _row_buffers(width: int) -> _RowBuffers:
    words = np.zeros((width + 7) // 8, np.uint64)
    return _RowBuffers(words.view(np.uint8), words, np.empty(width, np.float32))


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
        confidence_maps, pafs, width = _for_kernels(fields)
        find_peaks(
            confidence_maps, config.peak_threshold, self._refinement,
            *buffers.for_row(confidence_maps.shape[2]), *buffers.candidates,
        )  # fmt: skip
        connect(
            pafs, width, buffers.limbs, *buffers.candidates, config.paf_threshold, self._probes,
            self._misses_allowed, *buffers.pairs, *buffers.connections,
        )  # fmt: skip
        count = assemble(
            buffers.limbs, *buffers.connections, *buffers.candidates, *buffers.geometry,
            config.min_parts, config.min_score,
            buffers.owner, buffers.members, *buffers.people, *buffers.ranked,
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
            buffers.members, *buffers.ranked, buffers.candidates[0], float(fields.stride), *people
        )
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
