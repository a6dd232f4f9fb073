"""The real service in a process of its own, watched from outside while somebody attacks it."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

Address = tuple[str, int]

_PAUSE = 0.05


@dataclass
class Service:
    """A running `openpaf serve`.

    Attributes
    ----------
    process : subprocess.Popen
    address : (host, port)
    log : Path
        What it has said on stderr.
    """

    process: subprocess.Popen[bytes]
    address: Address
    log: Path

    def memory(self) -> float:
        """MiB that are resident now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def descriptors(self) -> int:
        """Files and sockets that are open now."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@contextlib.contextmanager
def running(folder: Path, model: Path, *options: str) -> Iterator[Service]:
    """Serve `model` on a free loopback port while this lasts."""
    log = folder / "serve.log"
    command = [sys.executable, "-m", "openpaf", "serve", "--port", "0", "--model", str(model)]
    with log.open("wb") as stderr, subprocess.Popen([*command, *options], stderr=stderr) as process:
        try:
            yield Service(process, _address(process, log), log)
        finally:
            process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> Address:
    deadline = time.monotonic() + 120
    while "Ctrl-C" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the service did not start: {log.read_text()}")
        time.sleep(_PAUSE)
    words = next(line for line in log.read_text().splitlines() if "Ctrl-C" in line).split()
    return "127.0.0.1", int(words[2].rpartition(":")[2])


def ask(
    address: Address, method: str = "GET", path: str = "/healthz", body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body of an honest request."""
    with contextlib.closing(HTTPConnection(*address, timeout=30)) as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


@dataclass
class Watch:
    """What others noticed of an attack.

    Attributes
    ----------
    memory : float
        MiB, the most that was resident.
    descriptors : int
        The most that were open.
    waits : list of float
        Seconds that each honest `/healthz` took; a refused or dropped one counts 30.
    """

    service: Service
    memory: float = 0.0
    descriptors: int = 0
    waits: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds that half of the honest requests took at most."""
        return statistics.median(self.waits)

    @contextlib.contextmanager
    def looking(self) -> Iterator[Watch]:
        """Look on while this lasts."""
        over = threading.Event()
        threads = [threading.Thread(target=look, args=(over,)) for look in (self._count, self._ask)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _count(self, over: threading.Event) -> None:
        while not over.wait(_PAUSE):
            self.memory = max(self.memory, self.service.memory())
            self.descriptors = max(self.descriptors, self.service.descriptors())

    def _ask(self, over: threading.Event) -> None:
        while True:
            began = time.monotonic()
            try:
                good = ask(self.service.address)[0] == 200
            except (OSError, HTTPException):
                good = False
            self.waits.append(time.monotonic() - began if good else 30.0)
            if over.wait(2 * _PAUSE):
                return
