"""The markers of a JPEG file, read the way libjpeg reads them: its size, and where it ends."""

from __future__ import annotations

import re
from typing import NamedTuple

START = b"\xff\xd8"
_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01
_RESTARTS = range(0xD0, 0xD8)
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Tables, a frame, a scan, application data and comments; libjpeg gives up at any other.
_SEGMENTS = frozenset(range(0xC0, 0xFF)) - {_SOI, _EOI, *_RESTARTS}
# In a scan a byte of 255 is followed by 0, or it begins a marker.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class _Marker(NamedTuple):
    """kind : its second byte; start : of its two bytes; end : of its segment."""

    kind: int
    start: int
    end: int


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) that a JPEG is unpacked with, px; None where it has none or more than one."""
    size = None
    place = len(START)
    while (marker := _marker_at(data, place)) is not None:
        if marker.kind in _SIZES:
            if size is not None or marker.end - marker.start < 9:
                return None
            at = marker.start + 5
            size = int.from_bytes(data[at + 2 : at + 4]), int.from_bytes(data[at : at + 2])
        if marker.kind == _SOS:
            return size
        if marker.kind in (_SOI, _EOI):
            return None
        place = marker.end
    return None


class EndFinder:
    """Find where the picture at the beginning of a growing buffer ends.

    Segments are passed over by their lengths, because the small picture that cameras put into one
    has an end of its own.
    """

    def __init__(self) -> None:
        self._place = len(START)
        self._in_scan = self._lost = False

    def end(self, data: bytearray) -> int | None:
        """Give the place behind the picture, or None where it is not there yet."""
        while True:
            if self._lost:
                end = data.find(bytes((0xFF, _EOI)), self._place)
                self._place = max(self._place, len(data) - 1) if end < 0 else self._place
                return None if end < 0 else end + 2
            if self._in_scan:
                found = _AFTER_SCAN.search(data, self._place)
                if found is None:
                    self._place = max(self._place, len(data) - 1)
                    return None
                self._place, self._in_scan = found.start(), False
            if len(data) < self._place + 2:
                return None
            marker = _marker_at(data, self._place)
            if marker is None or marker.start > self._place + 4:
                # Damaged, so its lengths mean nothing; or its length is not there yet.
                self._lost = len(data) >= self._place + 4
                if not self._lost:
                    return None
            elif marker.kind == _EOI:
                return marker.end
            elif marker.kind == _SOI:
                # The next one begins: this one is cut short.
                return marker.start
            elif marker.end >= len(data):
                return None
            elif data[marker.end] != 0xFF and marker.kind != _SOS:
                self._lost = True
            else:
                self._place, self._in_scan = marker.end, marker.kind == _SOS


def _marker_at(data: bytes | bytearray, place: int) -> _Marker | None:
    """Next marker from a place on; None where none follows, or one that cannot be."""
    while True:
        start = data.find(b"\xff", place)
        while 0 <= start < len(data) - 1 and data[start + 1] == 0xFF:
            start += 1
        if start < 0 or start + 1 >= len(data):
            return None
        kind = data[start + 1]
        if kind != 0:
            break
        place = start + 2
    if kind in (_SOI, _EOI, _TEM) or kind in _RESTARTS:
        return _Marker(kind, start, start + 2)
    if kind not in _SEGMENTS or len(data) < start + 4:
        return None
    length = int.from_bytes(data[start + 2 : start + 4])
    return _Marker(kind, start, start + 2 + length) if length >= 2 else None
