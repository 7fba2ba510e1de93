"""The queue in front of the store: it shares flushes, is bounded, and answers everybody."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import pytest

from services.billing.adapters.intake import LARGEST_FLUSH, EventStore, IncomingEvent, Intake, NotStorable, StoreAway


class Memory(EventStore):
    """A store that keeps batches, and fails as it is told to."""

    def __init__(self) -> None:
        super().__init__("postgresql://nowhere/x")
        self.batches: list[list[str]] = []
        self.failures: list[Exception] = []
        self.refused: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def insert(self, events: Sequence[IncomingEvent]) -> None:
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if any(event.id in self.refused for event in events):
            raise asyncpg.CheckViolationError("no")
        self.batches.append([event.id for event in events])


def incoming(number: int) -> IncomingEvent:
    return IncomingEvent(f"evt_{number}", "a.b", None, datetime(2026, 1, 1, tzinfo=UTC), False, None, "{}")


async def test_what_queues_up_during_a_flush_is_the_next_flush() -> None:
    store, woken = Memory(), []
    intake = Intake(store, lambda: woken.append(1))
    store.gate.clear()
    first = asyncio.create_task(intake.store(incoming(0)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(intake.store(incoming(number))) for number in range(1, 151)]
    await asyncio.sleep(0)
    store.gate.set()
    await asyncio.gather(first, *rest)
    assert [len(batch) for batch in store.batches] == [1, LARGEST_FLUSH, LARGEST_FLUSH, 22]
    assert len(woken) == 4


async def test_a_full_queue_turns_senders_away() -> None:
    store = Memory()
    intake = Intake(store, lambda: None, longest_queue=5)
    store.gate.clear()
    waiting = [asyncio.create_task(intake.store(incoming(number))) for number in range(6)]
    await asyncio.sleep(0.01)
    more = [asyncio.create_task(intake.store(incoming(number))) for number in range(6, 12)]
    await asyncio.sleep(0.01)
    store.gate.set()
    outcomes = await asyncio.gather(*waiting, *more, return_exceptions=True)
    turned_away = [outcome for outcome in outcomes if isinstance(outcome, StoreAway)]
    stored = sum(len(batch) for batch in store.batches)
    assert (len(turned_away), stored) == (12 - stored, stored)
    assert turned_away


async def test_a_connection_that_broke_while_idle_costs_nobody_anything() -> None:
    store = Memory()
    store.failures = [ConnectionResetError()]
    await Intake(store, lambda: None).store(incoming(1))
    assert store.batches == [["evt_1"]]


async def test_a_deadlock_is_tried_again() -> None:
    store = Memory()
    store.failures = [asyncpg.DeadlockDetectedError("deadlock")]
    await Intake(store, lambda: None).store(incoming(1))
    assert store.batches == [["evt_1"]]


@pytest.mark.parametrize(
    "failures",
    [
        [ConnectionRefusedError(), ConnectionRefusedError()],
        [TimeoutError()],
        [asyncpg.UndefinedTableError("gone")],
        [KeyError()],
    ],
    ids=["away", "hangs", "no table", "a bug"],
)
async def test_whatever_happens_nobody_is_told_stored_who_is_not(failures: list[Exception]) -> None:
    store = Memory()
    store.failures = list(failures)
    intake = Intake(store, lambda: None)
    with pytest.raises(StoreAway):
        await intake.store(incoming(1))
    await intake.store(incoming(2))
    assert store.batches == [["evt_2"]]


async def test_one_bad_row_is_found_and_its_neighbours_are_stored() -> None:
    store = Memory()
    store.refused = {"evt_3"}
    intake = Intake(store, lambda: None)
    outcomes = await asyncio.gather(*(intake.store(incoming(number)) for number in range(6)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(NotStorable) == 1
    assert sorted(stored for batch in store.batches for stored in batch) == [
        "evt_0",
        "evt_1",
        "evt_2",
        "evt_4",
        "evt_5",
    ]


async def test_a_sender_that_hangs_up_leaves_the_others_alone() -> None:
    store = Memory()
    intake = Intake(store, lambda: None)
    store.gate.clear()
    tasks = [asyncio.create_task(intake.store(incoming(number))) for number in range(3)]
    await asyncio.sleep(0.01)
    tasks[1].cancel()
    store.gate.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "CancelledError", "NoneType"]
    await intake.store(incoming(9))


async def test_closing_lets_the_flush_under_way_finish() -> None:
    store = Memory()
    intake = Intake(store, lambda: None)
    store.gate.clear()
    task = asyncio.create_task(intake.store(incoming(1)))
    await asyncio.sleep(0.01)
    asyncio.get_running_loop().call_later(0.05, store.gate.set)
    await intake.close()
    await task
    assert store.batches == [["evt_1"]]
