"""Keep what C libraries print out of the log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Send what is written to file descriptor 2 nowhere, but for what Python writes to stderr.

    libpng, libjpeg and OpenCV write a line for each thing that they find wrong with a picture, so
    that anybody who may send one could fill the log. What matters comes back as an error too.
    """
    sys.stderr.flush()
    before, kept = sys.stderr, os.dup(2)
    handlers = [
        handler
        for handler in logging.getLogger("openpaf").handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is before
    ]
    with (
        open(os.devnull, "w") as nowhere,
        open(os.dup(2), "w", buffering=1, errors="backslashreplace") as ours,
    ):
        os.dup2(nowhere.fileno(), 2)
        sys.stderr = ours
        for handler in handlers:
            handler.setStream(ours)
        try:
            yield
        finally:
            for handler in handlers:
                handler.setStream(before)
            sys.stderr = before
            os.dup2(kept, 2)
            os.close(kept)
