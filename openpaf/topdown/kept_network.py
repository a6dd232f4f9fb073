"""A window network that outlives forks, and the bundled file that an option means."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import openpaf_weights
from openpaf.errors import ConfigError
from openpaf.models import find_model
from openpaf.topdown.network import WindowNetwork, open_window_network

_EIGHT_BITS = "-int8"


class KeptNetwork:
    """A window network, loaded now, and anew in a process forked from this one.

    Parameters
    ----------
    path : Path
        Of a network whose card has the head "window".
    options : mapping
        Of `open_runtime`: device, threads, spinning.

    Raises
    ------
    ConfigError, MissingExtraError, ModelError, ModelNotFoundError
        See `open_window_network`.
    """

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        self.path = path
        self._options = dict(options)
        self._lock = threading.Lock()
        self._network: WindowNetwork | None = open_window_network(path, **self._options)

    @property
    def network(self) -> WindowNetwork:
        """The network as it runs in this process."""
        network = self._network
        if network is not None:
            return network
        with self._lock:
            if self._network is None:
                self._network = open_window_network(self.path, **self._options)
            return self._network

    def after_fork(self) -> None:
        """Open the network anew in this process, a fork, when it is next needed."""
        # Its threads are not here, and freeing it would wait for them: it must never be freed.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._network))
        self._network, self._lock = None, threading.Lock()


class Bundled(NamedTuple):
    """What an option of `Engine` looks with where it is True.

    option : its name, and that of the verbs' without the dashes; file : in openpaf_weights;
    what : words for the network.
    """

    option: str
    file: str
    what: str

    def find(self, asked: bool | str | Path, first: Path | None = None) -> Path:
        """File of the network that the option names, the bundled one for True.

        That is its copy in eight bits where `first`, which finds the people, is one too.

        Raises
        ------
        ConfigError
            When it is no name and none is bundled.
        ModelNotFoundError
            When there is no such file, or no model of that name on this machine.
        """
        if asked is True:
            path = Path(openpaf_weights.__file__).parent / self.file
            smaller = path.with_stem(path.stem + _EIGHT_BITS)
            if first is not None and first.stem.endswith(_EIGHT_BITS) and smaller.is_file():
                return smaller
            if not path.is_file():
                raise ConfigError(
                    f"this version comes without a {self.what}, so {self.option}=True has nothing "
                    f"to look with; name one: {self.option}='{self.file}', or --{self.option} "
                    f"{self.file}"
                )
            return path
        if not isinstance(asked, (str, Path)):
            raise ConfigError(
                f"{self.option} must be True, False or a window network, got {asked!r}"
            )
        return find_model(asked)
