"""What the service allows: one frozen record, checked once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from openpaf.errors import ConfigError

MIB, MEGA = 1 << 20, 1_000_000
# What a token may be made of, so that it also fits where a browser's WebSocket can send it.
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")
_ORIGIN = re.compile(r"https?://[^/\s]+")


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """Limits of the service; the defaults suit one machine that serves a team.

    Attributes
    ----------
    token : str or None
        Bearer token that requests must carry; None lets everybody in.
    cors_origins : tuple of str
        Other sites whose pages may use the service, as `https://host[:port]`.
    max_body : int
        Bytes of a request's body, and of a live frame.
    max_pixels : int
        Of a picture, before it is unpacked.
    max_requests : int
        Requests being worked on at once; more are turned away with 503.
    max_live : int
        Live connections at once.
    body_timeout : float
        Seconds in which the body of a request must have arrived.
    timeout : float
        Seconds in which a request must be answered, once it has arrived.
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
    max_body: int = 32 * MIB
    max_pixels: int = 50 * MEGA
    max_requests: int = 64
    max_live: int = 8
    body_timeout: float = 15.0
    timeout: float = 30.0
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
        for name in ("max_body", "max_pixels", "max_requests", "max_live", "max_batch"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, got {value!r}")
        for name in ("body_timeout", "timeout", "idle_timeout"):
            if not 0 < getattr(self, name) <= 3600:
                raise ConfigError(f"{name} must be 0 to 3600 s, got {getattr(self, name)!r}")
        if not 0 <= self.batch_wait <= 1:
            raise ConfigError(f"batch_wait must be 0 to 1 s, got {self.batch_wait!r}")
        if not 64 <= self.max_net_height <= 4096:
            raise ConfigError(f"max_net_height must be 64 to 4096 px, got {self.max_net_height!r}")
