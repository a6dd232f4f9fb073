"""Addresses of cameras and streams: what is one, and how it may be shown."""

from __future__ import annotations

import re

from openpaf.errors import SourceError

WEB = ("https", "http")
"""Schemes of what can be fetched at once."""

_HIDDEN = "***"
_ONE_SLASH = re.compile(r"^([a-z][a-z0-9+.-]+:)/(?!/)", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
# A password may hold anything, because people do not escape theirs: it goes on to the last @.
_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):\S*@")
_USER = re.compile(r"(?<=://)[^\s/?#]*@")
_QUERY = re.compile(r"(?<=[?&;#])([^=&;#\s]+)=([^&;#\s]+)")


def is_url(text: str) -> bool:
    """Whether a source is a url rather than a path."""
    return _URL.match(text) is not None


def is_web(text: str) -> bool:
    """Whether a source is a url of http or https."""
    return text.lower().startswith(tuple(f"{scheme}://" for scheme in WEB))


def refuse_url(source: object, advice: str) -> None:
    """Refuse a url where only files are taken, also one that has been made a path by mistake.

    Raises
    ------
    SourceError
        When it is one; the message does not tell its secrets.
    """
    text = _ONE_SLASH.sub(r"\1//", str(source))
    if is_url(text):
        raise SourceError(f"{without_secrets(text)} is a url, and not fetched here; {advice}")


def without_secrets(text: str) -> str:
    """Give a source as it may be logged or shown: a url without its password and its tokens.

    rtsp://admin:***@host/live?token=***: the user's name stays where there is a password beside
    it, for alone it may be a token. Anything but a url stays as it is.
    """
    if not is_url(text):
        return text
    if _PASSWORD.search(text):
        text = _PASSWORD.sub(rf"\1:{_HIDDEN}@", text)
    else:
        text = _USER.sub(f"{_HIDDEN}@", text)
    return _QUERY.sub(rf"\1={_HIDDEN}", text)
