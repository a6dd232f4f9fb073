"""Datagrams to another program on this machine or another, whoever listens or does not."""

from __future__ import annotations

import socket
import warnings
from typing import Any

from openpaf.errors import ConfigError, OpenPafWarning, OutputError

# What a datagram holds over IPv4.
_LARGEST = 65_507


class Datagrams:
    """The way to an address over UDP.

    Parameters
    ----------
    address : str
        HOST:PORT; an IPv6 address in brackets.

    Raises
    ------
    ConfigError
        When it is no address.
    OutputError
        When there is no such host.
    """

    def __init__(self, address: str) -> None:
        host, port = read_address(address)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise OutputError(f"{address}: there is no host {host!r} here") from error
        family, kind, protocol, _, to = found[0]
        self._to: Any = to
        self._socket = socket.socket(family, kind, protocol)
        # A slow network must not hold the stream up.
        self._socket.setblocking(False)
        self._address = address
        self._told = False

    def send(self, data: bytes, frame: int) -> None:
        """Send something of a frame; what cannot be sent is left out, and the first time told."""
        try:
            if len(data) > _LARGEST:
                raise OSError(0, f"{len(data):,} bytes are too many for a datagram")
            self._socket.sendto(data, self._to)
        except OSError as error:
            if not self._told:
                self._told = True
                warnings.warn(
                    f"{self._address}: frame {frame} is not sent: {error.strerror}",
                    OpenPafWarning,
                    stacklevel=2,
                )

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


def read_address(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT.

    Raises
    ------
    ConfigError
        When it is something else.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    if not colon or not host or not 0 < number < 65536:
        raise ConfigError(f"an address must be HOST:PORT, such as 127.0.0.1:9000, got {text!r}")
    return host, number
