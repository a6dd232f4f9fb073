"""Run the application on uvicorn, with connections that are held to their limits."""

from __future__ import annotations

import logging
import socket
import sys
from dataclasses import replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from openpaf.errors import ConfigError
from openpaf.serve.config import ServeConfig
from openpaf.serve.live import MAX_FRAME
from openpaf.serve.live_protocol import LiveProtocol
from openpaf.serve.protocol import HttpProtocol

_BACKLOG = 256
_GRACE = 10
_SEND_BUFFER = 128 << 10
# Files that are open whatever clients do, and those that one client may have open.
_FILES, _FILES_EACH = 128, 2


def listen(host: str, port: int) -> socket.socket:
    """Open the socket to serve on; port 0 takes a free one.

    Raises
    ------
    ConfigError
        When the address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # Left to itself, the system keeps megabytes of each answer that is never read.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        return listener
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen on {host} port {port}: {reason}; pass another --host or --port"
        ) from error


def room_for(connections: int) -> int:
    """Have the system allow this process the files of so many connections.

    Returns
    -------
    int
        How many connections there is room for: fewer where the system's hard limit is low.
    """
    if sys.platform == "win32":
        return connections
    import resource

    wanted = _FILES + _FILES_EACH * connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard):
        return connections
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(connections, (soft - _FILES) // _FILES_EACH))


def make_server(
    app: FastAPI, *, cert: Path | None = None, key: Path | None = None
) -> uvicorn.Server:
    """Make the server of an application; its `run(sockets=[listener])` serves until Ctrl-C.

    On Ctrl-C or SIGTERM it takes no more requests and lets those at work finish.

    Parameters
    ----------
    app : FastAPI
    cert, key : Path, optional
        PEM files for HTTPS.

    Raises
    ------
    ConfigError
        When the certificate or its key cannot be used.
    """
    limits: ServeConfig = app.state.config
    app.state.config = replace(limits, max_connections=room_for(limits.max_connections))
    config = uvicorn.Config(
        app,
        # What the protocols lean on is asyncio's.
        loop="asyncio",
        http=HttpProtocol,
        ws=LiveProtocol,
        lifespan="on",
        # So many are taken at once, before any can be refused.
        backlog=_BACKLOG,
        ws_max_size=MAX_FRAME,
        # Pictures are compressed already, and a small message must not unfold into a large one.
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")],
        timeout_graceful_shutdown=_GRACE,
        ssl_certfile=cert,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except OSError as error:
        raise ConfigError(
            f"cannot use the certificate {cert} and its key {key}: {error}"
        ) from error
    # It reports every malformed request; that would let any client fill the log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return uvicorn.Server(config)
