"""Every attack of the list, for a short while: others are served, and nothing is left of it."""

from __future__ import annotations

import re
import time

import pytest

from tests.hostile.attacks import ATTACKS
from tests.hostile.service import Service, Watch, ask

_SECONDS = 0.4


@pytest.fixture(scope="module")
def calm(service: Service) -> tuple[float, int]:
    """MiB and descriptors before anybody attacks."""
    return service.memory(), service.descriptors()


@pytest.mark.parametrize("name", ATTACKS)
def test_others_hardly_notice(name: str, service: Service, calm: tuple[float, int]) -> None:
    memory, descriptors = calm
    attack, watch = ATTACKS[name], Watch(service)
    with watch.looking():
        came_back = attack.run(service.address, _SECONDS)
    assert re.fullmatch(attack.right, came_back)
    assert watch.memory < memory + 100
    if not attack.fills:
        assert watch.median < 5
    until = time.monotonic() + 15
    while service.descriptors() > descriptors and time.monotonic() < until:
        time.sleep(0.05)
    assert service.descriptors() <= descriptors
    assert ask(service.address)[0] == 200


def test_nobody_can_fill_the_log(service: Service) -> None:
    assert len(service.log.read_text().splitlines()) == 2
