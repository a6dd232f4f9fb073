"""A picture from a web address, within bounds of size and time."""

from __future__ import annotations

import base64
import http.client
import time
import urllib.error
import urllib.request
from urllib.parse import unquote, urlsplit, urlunsplit

from openpaf.address import WEB, without_secrets
from openpaf.errors import SourceError
from openpaf.web import Redirects, printable

MOST_BYTES = 100_000_000
"""Of a picture; more are not read."""

# Seconds: without a byte, and for the whole.
STALL, PATIENCE = 10.0, 60.0

_CHUNK = 1 << 16


def fetch(url: str) -> bytes:
    """Get the bytes of a picture from the web.

    Parameters
    ----------
    url : str
        http or https; a name and password in it are sent to this server and to no other.

    Raises
    ------
    SourceError
        When there is none, it is a stream, too large or too slow; the line tells no secrets.
    """
    name = without_secrets(url)
    opener = urllib.request.build_opener(Redirects(WEB))
    try:
        with opener.open(_request(url), timeout=STALL) as response:
            _refuse_stream(response, name)
            return _body(response, name)
    except SourceError:
        raise
    except urllib.error.HTTPError as error:
        problem = printable(f"answered {error.code} {error.reason}")
        raise SourceError(f"{name} {problem}; see that the address is right") from None
    except TimeoutError:
        raise _too_slow(name) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _too_slow(name) from None
        raise SourceError(_line(name, f"cannot be reached: {error.reason}")) from None
    except (http.client.InvalidURL, ValueError):
        # These quote the address, password included.
        raise SourceError(
            f"{name} is no address that can be fetched; see that it is right"
        ) from None
    except (http.client.HTTPException, OSError) as error:
        problem = str(error) or type(error).__name__
        raise SourceError(_line(name, f"broke off: {problem}")) from None


def _line(name: str, problem: str) -> str:
    """The line of an error, with what somebody else says cut to size."""
    return f"{name} {printable(problem)}; try again, or pass the picture itself"


def _request(url: str) -> urllib.request.Request:
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    plain = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    headers = {"User-Agent": "openpaf", "Accept": "image/*", "Accept-Encoding": "identity"}
    request = urllib.request.Request(plain, headers=headers)
    if login:
        token = base64.b64encode(unquote(login).encode()).decode()
        # Not passed on where the server sends us elsewhere.
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _refuse_stream(response: http.client.HTTPResponse, name: str) -> None:
    kind = response.headers.get_content_type()
    if kind.startswith(("video/", "multipart/")):
        raise SourceError(f"{name} is a video or a camera's stream; pass it to Engine.stream")


def _body(response: http.client.HTTPResponse, name: str) -> bytes:
    until = time.monotonic() + PATIENCE
    data = bytearray()
    while chunk := response.read1(_CHUNK):
        data += chunk
        if len(data) > MOST_BYTES:
            raise SourceError(
                f"{name} is larger than the {MOST_BYTES // 1_000_000} MB that are fetched; "
                "download it, and pass its path"
            )
        if time.monotonic() > until:
            raise _too_slow(name)
    length = response.length
    if length:
        raise SourceError(f"{name} broke off, {length} bytes before its end; try again")
    return bytes(data)


def _too_slow(name: str) -> SourceError:
    return SourceError(
        f"{name} takes too long: nothing for {STALL:g} s, or not all in {PATIENCE:g} s; try again, "
        "or download it and pass its path"
    )
