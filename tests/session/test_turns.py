"""Recording is done alone, running together, and nobody waits for ever."""

from __future__ import annotations

import threading

from openpaf.session.turns import Turns


def test_alone_is_alone_and_together_overlaps() -> None:
    turns, inside, lock = Turns(), [], threading.Lock()
    seen: list[list[str]] = []
    both = threading.Barrier(2, timeout=20)

    def work(name: str, *, alone: bool) -> None:
        for _ in range(50):
            with turns.alone() if alone else turns.together():
                with lock:
                    inside.append(name)
                    seen.append(list(inside))
                with lock:
                    inside.remove(name)

    def overlap() -> None:
        with turns.together():
            both.wait()

    pair = [threading.Thread(target=overlap) for _ in range(2)]
    crowd = [
        threading.Thread(target=work, args=(f"{kind}{n}",), kwargs={"alone": kind == "alone"})
        for kind in ("alone", "together")
        for n in range(3)
    ]
    for threads in (pair, crowd):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
    assert len(seen) == 6 * 50
    for names in seen:
        assert len(names) == 1 or not any(name.startswith("alone") for name in names)


def test_an_error_ends_the_turn() -> None:
    turns = Turns()
    for turn in (turns.alone, turns.together, turns.alone):
        try:
            with turn():
                raise ValueError
        except ValueError:
            continue
    with turns.alone():
        pass


def test_who_waits_to_be_alone_comes_before_those_who_come_later() -> None:
    turns, order = Turns(), []
    first_in, go = threading.Event(), threading.Event()

    def first() -> None:
        with turns.together():
            first_in.set()
            go.wait(20)
            order.append("first")

    def recorder() -> None:
        with turns.alone():
            order.append("alone")

    def later() -> None:
        with turns.together():
            order.append("later")

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert first_in.wait(20)
    threads += [threading.Thread(target=recorder)]
    threads[1].start()
    while not turns._waiting:
        pass
    threads += [threading.Thread(target=later)]
    threads[2].start()
    go.set()
    for thread in threads:
        thread.join(20)
    assert order == ["first", "alone", "later"]
