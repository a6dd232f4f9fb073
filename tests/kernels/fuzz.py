"""Decode hostile fields; run in a process of its own, with Numba set up as the test wants it."""

from __future__ import annotations

import sys

import numpy as np

from openpaf.decoder import Decoder
from openpaf.decoder.config import REFINEMENTS, DecoderConfig
from openpaf.fields import Fields
from openpaf.skeleton import BODY_25, COCO_18, MPI_15
from openpaf_kernels.people import write_people
from tests.scenes import noise, scene, upright


def out_of_bounds_is_noticed() -> bool:
    """Ask a kernel to write people that were never found."""
    empty = np.empty(0, np.float32)
    try:
        write_people(
            np.zeros((1, 2), np.int32), np.zeros(1, np.int32), empty,
            np.zeros((3, 2, 1), np.float32), 8.0, empty,
            np.empty((1, 2, 2), np.float32), np.empty((1, 2), np.float32), np.empty(1, np.float32),
        )  # fmt: skip
    except IndexError:
        return True
    return False


def main(rounds: int) -> None:
    if not out_of_bounds_is_noticed():
        raise SystemExit("bounds are not checked")
    rng = np.random.default_rng(1)
    skeletons = (COCO_18, BODY_25, MPI_15)
    for n in range(rounds):
        skeleton = skeletons[n % 3]
        grid = (int(rng.integers(1, 24)), int(rng.integers(1, 24)))
        fields = noise(skeleton, grid, n, float(10.0 ** rng.integers(-3, 16)))
        room = int(rng.integers(1, 30))
        mode = REFINEMENTS[n % len(REFINEMENTS)]
        config = DecoderConfig(
            refinement=mode, max_candidates=room, min_parts=1, min_score=0.0, peak_threshold=0.0
        )
        Decoder(config).people(fields)
        Decoder(DecoderConfig.openpose("cuda" if n % 2 else "cpu")).people(fields)
        # What a caller may do to arrays that were checked before.
        spoilt = Fields(fields.confidence_maps.copy(), fields.pafs.copy(), skeleton=skeleton)
        for array in (spoilt.confidence_maps, spoilt.pafs):
            array[rng.random(array.shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf, 1e38])
        Decoder(config).people(spoilt)
        Decoder(DecoderConfig.openpose()).people(spoilt)
    found = Decoder().people(scene([upright((150, 150)), upright((300, 150))]))
    if len(found.person_scores) != 2:
        raise SystemExit(f"expected 2 people, got {len(found.person_scores)}")
    sys.stdout.write("survived\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
