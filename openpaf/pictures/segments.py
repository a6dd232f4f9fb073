"""How many pieces the head of a JPEG is cut into: who reads its size goes through them all."""

from __future__ import annotations

import re

MAX_SEGMENTS = 1000
"""More than the longest colour profile, depth map and notes of a camera take together."""

_FILL = re.compile(rb"\xff{1,%d}" % (MAX_SEGMENTS + 1))
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA
# Markers without a length behind them: none at all, restarts, beginning and end.
_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})


def too_many_segments(data: bytes) -> bool:
    """Whether the head of a JPEG has more than `MAX_SEGMENTS`, or a run of fill bytes as long.

    Both cost a few bytes each, so that some megabytes of them would keep a core busy for half a
    minute before the first pixel.
    """
    place, sized = 2, False
    for _ in range(MAX_SEGMENTS):
        fill = _FILL.search(data, place)
        if fill is None or fill.end() == len(data):
            return False
        if fill.end() - fill.start() > MAX_SEGMENTS:
            return True
        kind, place = data[fill.end()], fill.end() + 1
        if kind == _SCAN and sized:
            return False
        sized = sized or kind in _SIZES
        if kind not in _BARE:
            place += int.from_bytes(data[place : place + 2])
    return True
