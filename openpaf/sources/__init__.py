"""Where frames come from: one small reader a kind of source, each giving shot after shot."""

from __future__ import annotations

from openpaf.address import is_url, without_secrets
from openpaf.sources.opening import open_source
from openpaf.sources.source import Shot, Source

__all__ = ["Shot", "Source", "is_url", "open_source", "without_secrets"]
