"""Shots to net frames: the network is shown square pixels, people come back in those stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpaf.preprocess import stretch
from openpaf.sources import Shot

if TYPE_CHECKING:
    from openpaf.engine import Engine, NetFrame


def prepare(engine: Engine, shot: Shot) -> NetFrame:
    """Make the net frame of a shot.

    Where its pixels are not square, the frame is made wider or narrower first, and the placement
    leads from the net input to the frame as it is stored.
    """
    if shot.pixel_aspect == 1:
        return engine.prepare(shot.frame)
    net_frame = engine.prepare(stretch(shot.frame, shot.pixel_aspect))
    height, width = shot.frame.shape[:2]
    inputs = (
        one._replace(placement=one.placement.of_stored((width, height))) for one in net_frame.inputs
    )
    # Who looks at people once more finds them where they are stored.
    kept = None if net_frame.frame is None else shot.frame
    return net_frame._replace(inputs=tuple(inputs), frame=kept)
