"""Fields to people: candidates, connections, people, straight on the field grid."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.config import REFINEMENTS, DecoderConfig
from openpaf.fields import Fields
from openpaf.openpose_decoder import people_by_openpose
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18, Skeleton
from openpaf_kernels.limbs import connect
from openpaf_kernels.peaks import find_peaks
from openpaf_kernels.people import assemble

Float32 = NDArray[np.float32]


class People(NamedTuple):
    """Everyone found, as arrays that the caller owns.

    keypoints : (N, K, 2) float32, net px, NaN where missing; scores : (N, K) float32;
    person_scores : (N,) float32, highest first.
    """

    keypoints: Float32
    scores: Float32
    person_scores: Float32


class _Buffers:
    """Everything the kernels write to; one set a thread and skeleton size."""

    def __init__(self, parts: int, limbs: int, room: int) -> None:
        people = parts * room // 2 + 1
        self.xs = np.empty((parts, room), np.float32)
        self.ys = np.empty((parts, room), np.float32)
        self.scores = np.empty((parts, room), np.float32)
        self.counts = np.empty(parts, np.int32)
        pairs = 16 * room
        self.pair_a = np.empty(pairs, np.int32)
        self.pair_b = np.empty(pairs, np.int32)
        self.pair_score = np.empty(pairs, np.float32)
        self.order = np.empty(pairs, np.int32)
        self.taken = np.empty((2, room), np.bool_)
        self.connection_a = np.empty((limbs, room), np.int32)
        self.connection_b = np.empty((limbs, room), np.int32)
        self.connection_score = np.empty((limbs, room), np.float32)
        self.connection_counts = np.empty(limbs, np.int32)
        self.owner = np.empty((parts, room), np.int32)
        self.members = np.empty((people, parts), np.int32)
        self.sums = np.empty(people, np.float32)
        self.person_parts = np.empty(people, np.int32)
        self.keypoints = np.empty((people, parts, 2), np.float32)
        self.keypoint_scores = np.empty((people, parts), np.float32)
        self.person_scores = np.empty(people, np.float32)


class Decoder:
    """Turns fields into people; made once, used for every frame, by any number of threads.

    Parameters
    ----------
    config : DecoderConfig, optional
    """

    def __init__(self, config: DecoderConfig | None = None) -> None:
        self.config = DecoderConfig() if config is None else config
        self._refinement = REFINEMENTS.index(self.config.refinement)
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
        buffers, limbs = self._buffers(fields.skeleton)
        confidence_maps = np.require(fields.confidence_maps, np.float32, ["C", "A", "W"])
        pafs = np.require(fields.pafs, np.float32, ["C", "A", "W"])
        candidates = (buffers.xs, buffers.ys, buffers.scores, buffers.counts)
        connections = (
            buffers.connection_a,
            buffers.connection_b,
            buffers.connection_score,
            buffers.connection_counts,
        )
        find_peaks(confidence_maps, config.peak_threshold, self._refinement, *candidates)
        connect(
            pafs,
            limbs,
            *candidates,
            config.paf_threshold,
            config.paf_min_fraction,
            config.paf_samples,
            buffers.pair_a,
            buffers.pair_b,
            buffers.pair_score,
            buffers.order,
            buffers.taken,
            *connections,
        )
        count = assemble(
            limbs,
            *connections,
            *candidates,
            config.min_parts,
            config.min_score,
            float(fields.stride),
            buffers.owner,
            buffers.members,
            buffers.sums,
            buffers.person_parts,
            buffers.keypoints,
            buffers.keypoint_scores,
            buffers.person_scores,
        )
        best = np.argsort(-buffers.person_scores[:count], kind="stable")[: config.max_people]
        return People(
            buffers.keypoints[best], buffers.keypoint_scores[best], buffers.person_scores[best]
        )

    def warm_up(self, skeleton: Skeleton = COCO_18) -> None:
        """Compile every kernel now, or load it from the cache, so that no frame has to wait."""
        parts, limbs = len(skeleton.parts), len(skeleton.limbs)
        nothing = np.zeros((parts + 2 * limbs, 8, 8), np.float32)
        self.people(Fields(nothing[:parts], nothing[parts:], skeleton=skeleton))

    def _buffers(self, skeleton: Skeleton) -> tuple[_Buffers, NDArray[np.int32]]:
        if getattr(self._local, "skeleton", None) is not skeleton:
            self._local.buffers = _Buffers(
                len(skeleton.parts), len(skeleton.limbs), self.config.max_candidates
            )
            self._local.limbs = np.array(skeleton.limbs, np.int32).reshape(-1, 2)
            self._local.skeleton = skeleton
        return self._local.buffers, self._local.limbs


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
