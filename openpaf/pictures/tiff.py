"""The first directory of a TIFF file: whether every reader of it is told the same."""

from __future__ import annotations

import struct

_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_SIZES = (256, 257, _TILE_WIDTH, _TILE_HEIGHT)
# struct's codes of the types that a size may have: bytes, shorts, longs and long longs.
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


def tile_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of the tiles of a TIFF, px; (0, 0) where it has none.

    None where a tag is there twice, or a size has several values: one reader takes the first and
    another the last, so that the size that is checked would not be the size that is unpacked.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    try:
        (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, place)
        place += 8 if big else 2
        step, value_at = (20, 12) if big else (12, 8)
        if place + count * step > len(data):
            return None
        tags: dict[int, int] = {}
        for entry in range(place, place + count * step, step):
            tag, kind = struct.unpack_from(order + "HH", data, entry)
            (values,) = struct.unpack_from(order + ("Q" if big else "I"), data, entry + 4)
            if tag in tags or (tag in _SIZES and values != 1):
                return None
            code = _TYPES.get(kind)
            tags[tag] = struct.unpack_from(order + code, data, entry + value_at)[0] if code else 0
    except struct.error:
        return None
    return tags.get(_TILE_WIDTH, 0), tags.get(_TILE_HEIGHT, 0)
