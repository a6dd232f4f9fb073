"""One line for a keyword that a function does not know, with the one that is meant."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from openpaf.errors import KeywordError
from openpaf.peers import ANSWERS, KEYWORDS, PEERS

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)


class _Entry(NamedTuple):
    """A way in: what takes these keywords, and how they are written there."""

    keywords: tuple[str, ...]
    written: str


_entries: list[_Entry] = []


def knows_keywords(called: str, written: str = "", also: Sequence[str] = ()) -> Callable[[F], F]:
    """Make a function answer unknown keywords; what it takes is what its signature says.

    Parameters
    ----------
    called : str
        What the function is called in errors.
    written : str
        How others suggest its keywords, such as "openpaf.Engine({}=...)"; not at all where empty.
    also : sequence of str
        What it takes as `**keywords`.
    """

    def decorate(function: F) -> F:
        code = function.__code__
        takes = (*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount], *also)
        known = frozenset(takes)
        if written:
            _entries.append(_Entry(takes, written))

        @wraps(function)
        def checked(*args: Any, **keywords: Any) -> Any:
            if not keywords.keys() <= known:
                raise _unknown(called, takes, next(key for key in keywords if key not in known))
            return function(*args, **keywords)

        return checked  # type: ignore[return-value]

    return decorate


def class_knows_keywords(called: str, written: str = "") -> Callable[[C], C]:
    """The same for a class whose `__init__` was made for it, such as a dataclass."""

    def decorate(made: C) -> C:
        made.__init__ = knows_keywords(called, written)(made.__init__)  # type: ignore[misc]
        return made

    return decorate


def _unknown(called: str, takes: tuple[str, ...], typed: str) -> KeywordError:
    takes = tuple(name for name in takes if name != "self")
    return KeywordError(f"{called} takes no {typed}; {_answer(takes, typed)}")


def did_you_mean(takes: Sequence[str], typed: str) -> str | None:
    """A question that names what `typed` is called here; None where nothing is known of it."""
    own = [one for one in _meant(typed) if one in takes]
    return f"did you mean {' or '.join(own)}?" if own else None


def _meant(typed: str) -> tuple[str, ...]:
    name = typed.lower()
    peers = (peer.replace("-", "_") for peer in PEERS.get(name.replace("_", "-"), ()))
    return (name, *KEYWORDS.get(name, ()), *peers)


def _answer(takes: tuple[str, ...], typed: str) -> str:
    name = typed.lower()
    own = did_you_mean(takes, typed)
    if own is not None:
        return own
    for one in _meant(typed):
        for entry in _entries:
            if one in entry.keywords:
                return f"that is {entry.written.format(one)}"
    if name in ANSWERS:
        return ANSWERS[name]
    alike = difflib.get_close_matches(name, takes, 1)
    return f"did you mean {alike[0]}?" if alike else f"it takes {', '.join(takes)}"
