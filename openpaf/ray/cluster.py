"""Connect to a Ray cluster, or start one that lives as long as the run."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from openpaf.errors import ConfigError, first_line

LOCAL = "local"
"""The address of a Ray that is started on this machine and ended with the run."""

# Shards travel as a few names and numbers; frames never do.
_OBJECT_STORE_BYTES = 160_000_000
_SECONDS_TO_ANSWER = 10.0


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Use the Ray at an address: "local", "auto", or a cluster's HOST:PORT.

    A connection that this process has is used as it is, whatever the address. A local Ray listens
    on the loopback interface only and reports to nobody, provided that this is the first use of
    Ray in the process.

    Raises
    ------
    ConfigError
        When there is no Ray at the address.
    """
    options: dict[str, Any] = {}
    # Ray reads these when it is imported, hence before that.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address == LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Ray's own switch for keeping to loopback; it works on Linux too.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        options = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
    import ray

    if ray.is_initialized():
        yield
        return
    _check_listening(address)
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = first_line(error)
        raise _no_ray(address, reason.partition(". ")[0]) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_listening(address: str) -> None:
    """Look for a cluster for seconds; Ray itself looks for minutes."""
    match = re.fullmatch(r"\[?([^/]+?)\]?:(\d{1,5})", address)
    if match is None:
        return
    try:
        socket.create_connection((match[1], int(match[2])), _SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise _no_ray(address, str(error)) from error


def _no_ray(address: str, reason: str) -> ConfigError:
    return ConfigError(
        f"there is no Ray at {address!r}: {reason}; start one with `ray start --head` and pass its "
        "HOST:PORT, or pass local"
    )
