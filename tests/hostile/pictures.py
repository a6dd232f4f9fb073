"""Pictures that mean harm, and the largest that does not."""

from __future__ import annotations

import json
import struct
import zlib

from tests.hostile.service import Address, ask


def polyglots(address: Address, seconds: float) -> str:
    """Other formats with WebP's name at the place where it is looked for."""
    seen = set()
    for start in (
        b"II*\0\x10\0\0\0",
        b"MM\0*\0\0\0\x10",
        b"BM\0\0\0\0\0\0",
        b"P6 #    ",
        b"GIF89a  ",
    ):
        seen.add(ask(address, "POST", "/detect", start + b"WEBP" + bytes(64))[0])
    return ", ".join(map(str, sorted(seen)))


def segments(address: Address, seconds: float) -> str:
    """JPEGs whose heads are millions of pieces."""
    start, end = b"\xff\xd8", b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0\xff\xda"
    pieces = (b"\xff\xfe\0\2", b"\xff\xc4\0\2", b"\xff\xdd\0\4\0\1", b"\xff", b"a", b"\xff\0")
    heads = [piece * (8_000_000 // len(piece)) for piece in pieces]
    heads = [b"\xff\xe0\0\2" + head for head in heads] + [b"\xff\xda\0\2" + heads[0]]
    return ", ".join(
        sorted(
            {
                str(ask(address, "POST", "/detect", start + head + last)[0])
                for head in heads
                for last in (end, b"")
            }
        )
    )


def complaints(address: Address, seconds: float) -> str:
    """Pictures that libpng and libjpeg have a lot to say about."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    odd = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(99))[:-9]) * 1000 + chunk(b"iCCP", b"")
    png = head + odd + chunk(b"IDAT", zlib.compress(bytes(200))) + chunk(b"IEND", b"")
    jpeg = b"\xff\xd8\xff\xe0\0\2" + b"a" * 999 + b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0"
    seen = {str(ask(address, "POST", "/detect", data)[0]) for data in (png, png[:-30], jpeg)}
    return ", ".join(sorted(seen))


def legal_picture(address: Address) -> None:
    """Have the largest picture unpacked that is taken, so that calm includes it."""
    import cv2
    import numpy as np

    data = bytes(cv2.imencode(".png", np.zeros((7000, 7000, 3), np.uint8))[1])
    status, body = ask(address, "POST", "/detect", data)
    assert status == 200, json.loads(body)
