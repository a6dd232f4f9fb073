"""Results as they come to another program: a JSON object a frame, one a datagram."""

from __future__ import annotations

import json

from openpaf.result import Result
from openpaf.writers.datagrams import Datagrams
from openpaf.writers.ndjson import line_of


class UdpWriter:
    """Sends the lines of `NdjsonWriter`.

    Parameters
    ----------
    address : str
        HOST:PORT
    source : str, optional
        Written as `source`, where frames of several come together.

    Raises
    ------
    ConfigError, OutputError
        When it is no address, or there is no such host.
    """

    def __init__(self, address: str, source: str | None = None) -> None:
        self._datagrams, self._source = Datagrams(address), source

    def write(self, result: Result) -> None:
        """Send a frame."""
        line = json.dumps(line_of(result, self._source), separators=(",", ":"))
        self._datagrams.send(line.encode(), result.index)

    def close(self) -> None:
        """Let go of the socket."""
        self._datagrams.close()
