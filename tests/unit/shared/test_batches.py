"""What waits is handled together, and everybody who put something in is told what became of it."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.kernel.batches import Batcher


class Work:
    """Handles numbers when it is let; odd ones fail, and `broken` makes it raise."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = False

    async def __call__(self, numbers: list[int]) -> Sequence[Exception | None]:
        self.batches.append(numbers)
        await self.gate.wait()
        if self.broken:
            raise ConnectionError("all of it")
        return [ValueError(str(number)) if number % 2 else None for number in numbers]


def put(batcher: Batcher[int], *numbers: int) -> list["asyncio.Task[None]"]:
    return [asyncio.create_task(batcher.put(number)) for number in numbers]


async def told(tasks: list["asyncio.Task[None]"]) -> list[str]:
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    return ["done" if outcome is None else f"{type(outcome).__name__} {outcome}" for outcome in outcomes]


async def test_what_comes_in_meanwhile_is_the_next_batch_and_one_alone_does_not_wait() -> None:
    work = Work()
    batcher = Batcher(work, most=3, name="test")
    work.gate.clear()
    first = put(batcher, 0)
    await asyncio.sleep(0.01)
    rest = put(batcher, 2, 4, 6, 8)
    await asyncio.sleep(0.01)
    assert (work.batches, len(batcher)) == ([[0]], 4)
    work.gate.set()
    assert await told(first + rest) == ["done"] * 5
    assert work.batches == [[0], [2, 4, 6], [8]]


async def test_each_is_told_of_its_own_failure_only() -> None:
    batcher = Batcher(Work(), most=8, name="test")
    assert await told(put(batcher, 2, 3, 4, 5)) == ["done", "ValueError 3", "done", "ValueError 5"]


async def test_a_failure_of_the_whole_is_told_to_all_and_the_next_batch_goes_on() -> None:
    work = Work()
    batcher = Batcher(work, most=8, name="test")
    work.broken = True
    assert await told(put(batcher, 2, 3)) == ["ConnectionError all of it"] * 2
    work.broken = False
    assert await told(put(batcher, 2)) == ["done"]


async def test_who_waits_is_told_when_it_will_not_be_done() -> None:
    work = Work()
    batcher = Batcher(work, most=1, name="test")
    work.gate.clear()
    first, rest = put(batcher, 2), put(batcher, 4, 6)
    await asyncio.sleep(0.01)
    batcher.turn_away(TimeoutError("away"))
    work.gate.set()
    assert await told(first + rest) == ["done", "TimeoutError away", "TimeoutError away"]


async def test_a_batch_that_is_cancelled_leaves_nobody_waiting() -> None:
    work = Work()
    batcher = Batcher(work, most=8, name="test")
    work.gate.clear()
    waiting = put(batcher, 2, 4)
    await asyncio.sleep(0.01)
    assert batcher._task is not None
    batcher._task.cancel()
    assert await told(waiting) == ["Interrupted test"] * 2


async def test_one_who_went_away_costs_the_others_nothing() -> None:
    work = Work()
    batcher = Batcher(work, most=8, name="test")
    work.gate.clear()
    gone, stays = put(batcher, 2, 4)
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.sleep(0)
    work.gate.set()
    await stays
    with pytest.raises(asyncio.CancelledError):
        await gone
