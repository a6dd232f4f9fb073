"""Attack the real service and print what others noticed: `python -m tests.hostile`.

    python -m tests.hostile --seconds 10
    python -m tests.hostile --only headers

Everything goes to a service that this starts on a loopback port of this machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.hostile.attacks import ATTACKS
from tests.hostile.pictures import legal_picture
from tests.hostile.service import Service, Watch, ask, running
from tests.networks import write_nobody

_HEADINGS = ("attack", "came back", "peak MiB", "healthz", "longest", "descriptors", "after")
_ROW = "{:44} {:34} {:>10} {:>8} {:>8} {:>14} {:>6}"


def main() -> None:
    """Run the attacks that were asked for, one after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="that each attack lasts")
    parser.add_argument("--only", default="", help="part of the names of those to run")
    options = parser.parse_args()
    print(
        _ROW.format("attack", "came back", "peak MiB", "healthz", "longest", "descriptors", "after")
    )
    with tempfile.TemporaryDirectory() as folder:
        model = write_nobody(Path(folder) / "nobody.onnx")
        with running(Path(folder), model) as service:
            legal_picture(service.address)
            calm, files = service.memory(), service.descriptors()
            print(_ROW.format("(calm)", "", f"{calm:.0f}", "", "", files, ""), flush=True)
            for name in ATTACKS:
                if options.only in name:
                    _attack(service, name, options.seconds, calm, files)
            log = service.log.read_text().count("\n")
    print(f"lines in the service's log: {log}")


def _attack(service: Service, name: str, seconds: float, calm: float, files: int) -> None:
    watch = Watch(service)
    with watch.looking():
        came_back = ATTACKS[name].run(service.address, seconds)
    until = time.monotonic() + 15
    while service.descriptors() > files and time.monotonic() < until:
        time.sleep(0.1)
    after = "good" if ask(service.address)[0] == 200 else "bad"
    row = (
        name,
        came_back,
        f"{calm:.0f}+{max(0, watch.memory - calm):.0f}",
        f"{watch.median:.3f} s",
        f"{max(watch.waits):.2f} s",
        f"{watch.descriptors} to {service.descriptors()}",
        after,
    )
    print(_ROW.format(*row), flush=True)


if __name__ == "__main__":
    main()
