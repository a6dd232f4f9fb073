"""Addresses of cameras and streams: what is one, and how it may be shown."""

from __future__ import annotations

import re

_HIDDEN = "***"
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
# Up to the last @ before the path: people do not escape their passwords.
_USER = re.compile(r"(?<=://)[^\s/?#]*@|(?<=://)[^\s@/]*:[^\s@]*@", re.IGNORECASE)
_QUERY = re.compile(r"(?<=[?&;#])([^=&;#\s]+)=([^&;#\s]+)")


def is_url(text: str) -> bool:
    """Whether a source is a url rather than a path."""
    return _URL.match(text) is not None


def without_secrets(text: str) -> str:
    """Give a source as it may be logged or shown: a url without its password and its tokens.

    rtsp://admin:***@host/live?token=***: the user's name stays where there is a password beside
    it, for alone it may be a token. Anything but a url stays as it is.
    """
    if not is_url(text):
        return text
    text = _USER.sub(_without_password, text)
    return _QUERY.sub(rf"\1={_HIDDEN}", text)


def _without_password(user: re.Match[str]) -> str:
    name, colon, _ = user.group().partition(":")
    return f"{name}:{_HIDDEN}@" if colon else f"{_HIDDEN}@"
