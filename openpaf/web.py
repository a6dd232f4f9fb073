"""What every request over HTTP minds: where it may be sent on to, and words that servers choose."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Collection
from email.message import Message
from typing import IO
from urllib.parse import urlsplit


class RedirectRefused(urllib.error.URLError):
    """A server sends on to an address of a kind that was not asked for."""


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but only to addresses of these schemes.

    Parameters
    ----------
    schemes : collection of str
        Such as "https".
    """

    def __init__(self, schemes: Collection[str]) -> None:
        self._schemes = schemes

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Give the request that follows.

        Raises
        ------
        RedirectRefused
            When the address is of another scheme.
        """
        if urlsplit(newurl).scheme not in self._schemes:
            allowed = " or ".join(self._schemes)
            raise RedirectRefused(printable(f"redirects to {newurl}, and only {allowed} will do"))
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def printable(text: str) -> str:
    """One line of bounded length without what a terminal would obey: servers chose these words."""
    letters = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(letters.split())[:200]
