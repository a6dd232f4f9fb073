"""What is said to a client that cannot be served: a status and one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from openpaf.errors import OpenPafError
from openpaf.keywords import did_you_mean


class RequestError(OpenPafError):
    """A request that is turned away, with the HTTP status that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def error_body(message: str) -> bytes:
    """One JSON line, `{"error": message}`."""
    return json.dumps({"error": " ".join(message.split())}).encode() + b"\n"


def error_headers(status: int, body: bytes) -> list[tuple[bytes, bytes]]:
    """Headers of an answer that holds `body`."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 426:
        headers.append((b"upgrade", b"websocket"))
    if status == 503:
        headers.append((b"retry-after", b"1"))
    return headers


def error_messages(status: int, message: str) -> list[dict[str, Any]]:
    """The two ASGI messages that answer a request with an error."""
    body = error_body(message)
    return [
        {
            "type": "http.response.start",
            "status": status,
            # Whatever of the body has not been read is not worth reading.
            "headers": [*error_headers(status, body), (b"connection", b"close")],
        },
        {"type": "http.response.body", "body": body},
    ]


def validation_message(errors: Sequence[Any], known: Sequence[str]) -> str:
    """What pydantic found wrong with parameters, as one line of bounded length.

    Parameters
    ----------
    errors : sequence of mapping
        From pydantic.
    known : sequence of str
        Parameters that there are.
    """
    lines = []
    for error in errors[:5]:
        where = ".".join(str(part) for part in error["loc"] if part not in ("query", "body"))
        said = error["msg"][:200]
        if error["type"] == "extra_forbidden":
            said = did_you_mean(known, where) or f"there are {', '.join(known)}"
            said = f"there is no such parameter; {said}"
        lines.append(f"{where[:100]}: {said}" if where else said)
    return "; ".join(lines)
