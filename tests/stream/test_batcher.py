"""Dynamic batching: together when it helps, at once when it does not, nobody mixed up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from openpaf.stream.batcher import Answer, Batcher


class Work:
    """Doubles numbers, one batch at a time, when it may."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_run = threading.Event()
        self.may_run.set()

    def __call__(self, key: str, items: Sequence[int]) -> list[int]:
        assert self.may_run.wait(10)
        self.batches.append(list(items))
        if -1 in items:
            raise ValueError("no -1")
        return [2 * item for item in items]


async def ready(key: str, item: int, after: float = 0) -> tuple[str, int]:
    await asyncio.sleep(after)
    return key, item


def run(
    work: Work, scene: Callable[[Batcher[str, int, int]], Awaitable[Any]], **settings: Any
) -> Any:
    async def main() -> Any:
        options = {"room": lambda key: 4, "max_wait": 0.0} | settings
        batcher: Batcher[str, int, int] = Batcher(work, **options)
        serving = asyncio.create_task(batcher.serve())
        try:
            async with asyncio.timeout(20):
                return await scene(batcher)
        finally:
            serving.cancel()

    return asyncio.run(main())


def test_a_batch_that_is_running_lets_the_next_one_fill_up() -> None:
    work = Work()
    work.may_run.clear()

    async def scene(batcher: Batcher[str, int, int]) -> list[Answer[int, int]]:
        tasks = [asyncio.create_task(batcher.submit(ready("a", n))) for n in range(6)]
        while not batcher.running_for:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        work.may_run.set()
        return await asyncio.gather(*tasks)

    answers = run(work, scene)
    assert [answer.result for answer in answers] == [0, 2, 4, 6, 8, 10]
    assert [answer.item for answer in answers] == list(range(6))
    assert max(map(len, work.batches)) == 4
    assert sum(map(len, work.batches)) == 6
    assert answers[-1].waited >= 0.04


def test_the_first_waits_for_one_that_is_on_its_way() -> None:
    work = Work()

    async def scene(batcher: Batcher[str, int, int]) -> None:
        await asyncio.gather(
            batcher.submit(ready("a", 1)), batcher.submit(ready("a", 2, after=0.1))
        )

    run(work, scene, max_wait=5.0)
    assert work.batches == [[1, 2]]


def test_nobody_waits_when_nobody_else_is_coming() -> None:
    work = Work()

    async def scene(batcher: Batcher[str, int, int]) -> float:
        answer = await batcher.submit(ready("a", 1))
        return answer.waited

    assert run(work, scene, max_wait=5.0) < 1


def test_the_wait_is_bounded() -> None:
    work = Work()

    async def scene(batcher: Batcher[str, int, int]) -> None:
        late = asyncio.create_task(batcher.submit(ready("a", 2, after=1.0)))
        await batcher.submit(ready("a", 1))
        assert not late.done()
        await late

    run(work, scene, max_wait=0.05)
    assert work.batches == [[1], [2]]


def test_a_full_batch_does_not_wait() -> None:
    work = Work()

    async def scene(batcher: Batcher[str, int, int]) -> None:
        late = asyncio.create_task(batcher.submit(ready("a", 9, after=30)))
        await asyncio.gather(*(batcher.submit(ready("a", n)) for n in range(4)))
        late.cancel()

    run(work, scene, max_wait=15.0)
    assert work.batches == [[0, 1, 2, 3]]


def test_keys_are_never_mixed_and_the_oldest_goes_first() -> None:
    work = Work()
    work.may_run.clear()

    async def scene(batcher: Batcher[str, int, int]) -> None:
        tasks = [asyncio.create_task(batcher.submit(ready("a", 0)))]
        await asyncio.sleep(0.05)
        for key, n in (("b", 1), ("a", 2), ("b", 3), ("a", 4)):
            tasks.append(asyncio.create_task(batcher.submit(ready(key, n))))
            await asyncio.sleep(0.01)
        work.may_run.set()
        await asyncio.gather(*tasks)

    run(work, scene)
    assert work.batches == [[0], [1, 3], [2, 4]]


def test_one_bad_item_does_not_spoil_the_others() -> None:
    work = Work()
    work.may_run.clear()

    async def scene(batcher: Batcher[str, int, int]) -> list[Any]:
        first = asyncio.create_task(batcher.submit(ready("a", 0)))
        await asyncio.sleep(0.05)
        rest = [asyncio.create_task(batcher.submit(ready("a", n))) for n in (1, -1, 3)]
        await asyncio.sleep(0.05)
        work.may_run.set()
        return await asyncio.gather(first, *rest, return_exceptions=True)

    first, one, bad, three = run(work, scene)
    assert [a.result for a in (first, one, three)] == [0, 2, 6]
    assert isinstance(bad, ValueError)


def test_an_item_that_cannot_be_made_is_its_own_callers_error() -> None:
    work = Work()

    async def broken() -> tuple[str, int]:
        raise OSError("no picture")

    async def scene(batcher: Batcher[str, int, int]) -> None:
        with pytest.raises(OSError, match="no picture"):
            await batcher.submit(broken())
        assert (await batcher.submit(ready("a", 1))).result == 2

    run(work, scene, max_wait=5.0)


def test_whoever_leaves_is_left_out() -> None:
    work = Work()
    work.may_run.clear()

    async def scene(batcher: Batcher[str, int, int]) -> None:
        first = asyncio.create_task(batcher.submit(ready("a", 0)))
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(batcher.submit(ready("a", 1)))
        stays = asyncio.create_task(batcher.submit(ready("a", 2)))
        await asyncio.sleep(0.05)
        gone.cancel()
        work.may_run.set()
        await asyncio.gather(first, stays)

    run(work, scene)
    assert work.batches == [[0], [2]]


def test_a_run_that_gives_too_few_results_fails_those_who_wait_and_no_more() -> None:
    class Short(Work):
        def __call__(self, key: str, items: Sequence[int]) -> list[int]:
            return [] if key == "short" else super().__call__(key, items)

    async def scene(batcher: Batcher[str, int, int]) -> None:
        with pytest.raises(ValueError, match="shorter"):
            await batcher.submit(ready("short", 1))
        assert (await batcher.submit(ready("a", 1))).result == 2

    run(Short(), scene)
