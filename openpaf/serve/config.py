"""What the service allows: one frozen record, checked once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from openpaf.errors import ConfigError

MIB, MEGA = 1 << 20, 1_000_000
# What a token may be made of, so that it also fits where a browser's WebSocket can send it.
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")
_ORIGIN = re.compile(r"https?://[^/\s]+")
_COUNTS = (
    "max_connections", "max_head", "max_headers", "max_body", "max_pixels", "max_requests",
    "max_live", "max_messages", "max_settings", "max_batch",
)  # fmt: skip
_TIMEOUTS = ("header_timeout", "body_timeout", "timeout", "write_timeout", "idle_timeout")


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """Limits of the service; the defaults suit one machine that serves a team.

    Attributes
    ----------
    token : str or None
        Bearer token that requests must carry; None lets everybody in.
    cors_origins : tuple of str
        Other sites whose pages may use the service, as `https://host[:port]`.
    hosts : tuple of str or None
        Names under which the service is served while there is no token, beside those of
        `cors_origins` and the address a client has connected to: the page of a name that was
        rebound to this machine is a stranger's. None serves under any; `openpaf serve` gives some.
    max_connections : int
        Connections at once, idle ones included; fewer where a process may open too few files.
    max_head : int
        Bytes of a request's url and headers, and of what comes between and after its body.
    max_headers : int
        Lines of a request's headers.
    max_body : int
        Bytes of a request's body, and of a live frame.
    max_pixels : int
        Of a picture, before it is unpacked.
    max_requests : int
        Requests being worked on at once; more are turned away with 503.
    max_live : int
        Live connections at once.
    max_messages : int
        WebSocket frames of any kind that a live connection may send in a second.
    max_settings : int
        How many of them may be settings.
    header_timeout : float
        Seconds in which the headers of a request must have arrived.
    body_timeout : float
        Seconds in which the body of a request must have arrived.
    timeout : float
        Seconds in which a request must be answered, once it has arrived.
    write_timeout : float
        Seconds after which a client that reads nothing, or next to nothing, is hung up on.
    idle_timeout : float
        Seconds after which a live connection that sends nothing is closed.
    max_batch : int
        Frames that go through the network together.
    batch_wait : float
        Seconds that the first frame of a batch waits for others that are on their way.
    max_net_height : int
        Highest network input that a request may ask for, px.

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    token: str | None = field(default=None, repr=False)
    cors_origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] | None = None
    max_connections: int = 256
    max_head: int = 64 << 10
    max_headers: int = 100
    max_body: int = 32 * MIB
    max_pixels: int = 50 * MEGA
    max_requests: int = 64
    max_live: int = 8
    max_messages: int = 1000
    max_settings: int = 20
    header_timeout: float = 10.0
    body_timeout: float = 15.0
    timeout: float = 30.0
    write_timeout: float = 10.0
    idle_timeout: float = 60.0
    max_batch: int = 8
    batch_wait: float = 0.003
    max_net_height: int = 512

    def __post_init__(self) -> None:
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise ConfigError(
                "token must be 16 to 256 letters, digits or . _ ~ -; "
                'make one with: python -c "import secrets; print(secrets.token_urlsafe())"'
            )
        for origin in self.cors_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ConfigError(
                    f"a CORS origin must be https://host[:port] without a path, got {origin!r}"
                )
        for name in _COUNTS:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, got {value!r}")
        for name in _TIMEOUTS:
            if not 0 < getattr(self, name) <= 3600:
                raise ConfigError(f"{name} must be 0 to 3600 s, got {getattr(self, name)!r}")
        if not 0 <= self.batch_wait <= 1:
            raise ConfigError(f"batch_wait must be 0 to 1 s, got {self.batch_wait!r}")
        if not 64 <= self.max_net_height <= 4096:
            raise ConfigError(f"max_net_height must be 64 to 4096 px, got {self.max_net_height!r}")
