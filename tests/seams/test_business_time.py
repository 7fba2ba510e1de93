"""Business time: 26 months of reminders in seconds, each exactly once, while leases and tokens keep real time."""

import asyncio
import calendar
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import text

from services.provisioning.adapters.tables import plumbing, timers
from shared.contracts import SUBSCRIPTIONS
from shared.contracts.billing import ClockMoved
from shared.database import Claimed, Database, DurableQueue, DurableWorker, Listener, UnitOfWork
from shared.database.timers import Timer, TimerHandler, TimerRunner
from shared.kernel import new_id
from shared.kernel.calendar import occurrence
from shared.kernel.ids import uuid7
from shared.messaging import Message, encode
from shared.testing import eventually
from shared.web.service import Service
from shared.web.tokens import TokenSigner, TokenVerifier
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS, customer
from tests.support.database import TestDatabase
from tests.support.house import empty_house

__all__ = ["empty_house"]

VIENNA = ZoneInfo("Europe/Vienna")
MONTHS = 26
WITH_TIMERS = ("catalog", "provisioning")


def _start() -> datetime:
    """Nine o'clock on the last day of the year before the next leap year: a clamp, a leap day and two changes to
    summer time lie ahead, whenever this runs."""
    year = datetime.now(UTC).year + 1
    while not calendar.isleap(year):
        year += 1
    return datetime(year - 1, 12, 31, 9, tzinfo=VIENNA)


START = _start()
END = occurrence(START, "month", MONTHS, VIENNA)


def _expected() -> Counter[tuple[str, datetime]]:
    """Every reminder there must be, worked out without the code under test."""
    wanted: Counter[tuple[str, datetime]] = Counter()
    for index in range(1, MONTHS + 1):
        year, month = START.year + (11 + index) // 12, (11 + index) % 12 + 1
        day = date(year, month, min(31, calendar.monthrange(year, month)[1]))
        wanted["monthly", datetime.combine(day, time(9), VIENNA).astimezone(UTC)] += 1
    day = START.date()
    while day < END.astimezone(VIENNA).date():
        day += timedelta(days=1)
        wanted["daily", datetime.combine(day, time(9), VIENNA).astimezone(UTC)] += 1
    return wanted


async def _remember(work: UnitOfWork, timer: Timer) -> None:
    await work.session.execute(
        text("INSERT INTO reminders (kind, at) VALUES (:kind, :at)"), {"kind": timer.kind, "at": timer.due_at}
    )


async def _arm(work: UnitOfWork, kind: str, account_id: str, count: int) -> None:
    due_at = occurrence(START, "day" if kind == "daily" else "month", count, VIENNA)
    await timers.set(
        work, f"{kind}:{account_id}:{count}", kind=kind, account_id=account_id, due_at=due_at, payload={"count": count}
    )


async def remind_monthly(work: UnitOfWork, timer: Timer) -> None:
    """Each month arms the next one, and the days until then."""
    await _remember(work, timer)
    count = timer.payload["count"]
    await _arm(work, "monthly", timer.account_id, count + 1)
    first, after = (occurrence(START, "month", ahead, VIENNA).astimezone(VIENNA) for ahead in (count, count + 1))
    for day in range((first.date() - START.date()).days + 1, (after.date() - START.date()).days + 1):
        await _arm(work, "daily", timer.account_id, day)


HANDLERS: dict[str, TimerHandler] = {"monthly": remind_monthly, "daily": _remember}


@dataclass
class House:
    """Provisioning's schema, and workers on it that come and go."""

    url: str
    database: Database
    account_id: str

    @contextlib.asynccontextmanager
    async def replicas(self, count: int) -> AsyncIterator[None]:
        """This many worker processes' worth of workers: each with connections and wake-ups of its own."""
        databases = [Database(self.url, "provisioning") for _ in range(count)]
        listeners = [Listener(self.url, "provisioning", "timers") for _ in range(count)]
        workers = []
        for database, listener in zip(databases, listeners, strict=True):
            worker = DurableWorker(database, timers.queue, TimerRunner(database, timers, HANDLERS).handle, poll=0.1)
            worker.listen(listener)
            listener.start()
            workers.append(asyncio.create_task(worker.run()))
        try:
            yield
        finally:
            for task in workers:
                task.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            for listener, database in zip(listeners, databases, strict=True):
                await listener.stop()
                await database.close()

    async def move(self, to: datetime, account_id: str | None = None) -> None:
        """The fact arrives that this account's clock was moved."""
        now = self.database.clock.now()
        offset = round((to - now).total_seconds())
        fact = ClockMoved(account_id=account_id or self.account_id, offset_seconds=offset, moved_at=now)
        async with self.database.work() as work:
            await timers.move_clock(work, fact.account_id, fact.offset_seconds, fact.moved_at)

    async def reminded(self) -> Counter[tuple[str, datetime]]:
        async with self.database.read() as session:
            rows = await session.execute(text("SELECT kind, at FROM reminders"))
            return Counter((row.kind, row.at.astimezone(UTC)) for row in rows)

    async def reminded_until(self, to: datetime) -> bool:
        found = await self.reminded()
        assert sum(found.values()) >= sum(count for (_kind, at), count in _expected().items() if at <= to)
        return True


@pytest_asyncio.fixture
async def house(fresh_database: TestDatabase) -> AsyncIterator[House]:
    url = fresh_database.url("provisioning")
    database = Database(url, "provisioning")
    async with database.work() as work:
        await work.session.execute(text("CREATE TABLE reminders (kind text NOT NULL, at timestamptz NOT NULL)"))
    yield House(url, database, new_id("acc"))
    await database.close()


async def _begin(house: House) -> None:
    """The account's business begins at START, its first month is armed, and the days of it."""
    await house.move(START)
    async with house.database.work() as work:
        await _arm(work, "monthly", house.account_id, 1)
        for day in range(1, 32):
            await _arm(work, "daily", house.account_id, day)


async def test_26_months_of_reminders_come_exactly_once_through_a_restart_and_two_replicas(house: House) -> None:
    lease, queue = await _long_lease(house)
    person = customer()
    token = TokenSigner(PRIVATE_KEYS["identity"]).for_person(person)
    await _begin(house)
    async with house.replicas(2):
        for months in (1, 3):  # over the leap day, and one change of the clocks
            there = occurrence(START, "month", months, VIENNA)
            await house.move(there)
            await eventually(partial(house.reminded_until, there))
        await house.move(occurrence(START, "month", 15, VIENNA))
        # killed while a year of reminders is under way
        await eventually(lambda: house.reminded_until(occurrence(START, "month", 4, VIENNA)))
    assert await house.reminded() < _expected()
    async with house.replicas(2):
        await house.move(END)
        await eventually(lambda: house.reminded_until(END), within=120)
    assert await house.reminded() == _expected()

    async with house.database.work() as work:  # two years of business later it is still this minute
        assert await queue.claim(work.session, 10) == []
        await queue.complete(work.session, lease)
        assert await timers.clocks.business_now(work, house.account_id) >= END
    assert TokenVerifier(TOKEN_KEYS, "provisioning").verify(token).user_id == person.user_id


async def _long_lease(house: House) -> tuple[Claimed, DurableQueue]:
    queue = DurableQueue("inbox", plumbing.inbox_table, lease=600)
    async with house.database.work() as work:
        await queue.add(work.session, [{"id": uuid7(), "type": "of.the.test.v1", "body": b"{}"}])
        (claimed,) = await queue.claim(work.session, 10)
    return claimed, queue


async def _due(house: House) -> list[str]:
    """Claims what is due, without handling it."""
    async with house.database.work() as work:
        return sorted(item.id for item in await timers.queue.claim(work.session, 100))


async def _set(house: House, key: str, due_at: datetime, account_id: str | None = None, **payload: Any) -> bool:
    async with house.database.work() as work:
        account = account_id or house.account_id
        return await timers.set(work, key, kind="daily", account_id=account, due_at=due_at, payload=payload)


async def test_a_clock_moves_the_timers_of_its_account_and_no_others(house: House) -> None:
    soon, other = datetime.now(UTC) + timedelta(days=1), new_id("acc")
    await _set(house, "mine", soon)
    await _set(house, "theirs", soon, other)
    assert await _due(house) == []
    await house.move(soon)
    assert await _due(house) == ["mine"]
    await _set(house, "set-later", soon)
    assert await _due(house) == ["set-later"]


async def test_a_clock_never_goes_back_and_facts_may_arrive_in_any_order(house: House) -> None:
    now = datetime.now(UTC)
    await _set(house, "one", now + timedelta(days=20))
    async with house.database.work() as work:
        assert await timers.move_clock(work, house.account_id, 30 * 86_400, now)
        assert not await timers.move_clock(work, house.account_id, 10 * 86_400, now)
        assert not await timers.move_clock(work, house.account_id, 30 * 86_400, now)
    assert await _due(house) == ["one"]


async def test_a_timer_in_hand_keeps_its_lease_when_its_clock_is_moved(house: House) -> None:
    await _set(house, "in hand", datetime.now(UTC))
    async with house.database.work() as work:
        (held,) = await timers.queue.claim(work.session, 1)
    await house.move(datetime.now(UTC) + timedelta(days=400))
    assert await _due(house) == []
    async with house.database.work() as work:
        await timers.queue.fail(work.session, held, RuntimeError("not now"))
    await house.move(datetime.now(UTC) + timedelta(days=800))
    async with house.database.read() as session:  # its pause is real time, too
        waits = await session.scalar(text("SELECT next_attempt_at > created_at FROM timers"))
    assert waits


async def test_setting_a_timer_and_moving_its_clock_at_once_leave_none_behind(house: House) -> None:
    """Whoever comes second sees what the first did: a timer is never left with an offset of before."""
    soon = datetime.now(UTC) + timedelta(days=1)
    setting = house.database.work()
    work = await setting.__aenter__()
    await timers.set(work, "late", kind="daily", account_id=house.account_id, due_at=soon)
    moving = asyncio.create_task(house.move(soon))

    async def waits() -> bool:
        async with house.database.read() as session:
            return bool(await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    await eventually(waits)
    await setting.__aexit__(None, None, None)
    await moving
    assert await _due(house) == ["late"]


async def test_a_timer_is_moved_and_called_off_while_it_waits_and_set_once_for_all_when_it_fired(house: House) -> None:
    now = datetime.now(UTC)
    assert await _set(house, "key", now + timedelta(days=9))
    assert not await _set(house, "key", now + timedelta(days=9))
    assert await _set(house, "key", now)
    async with house.database.work() as work:
        (item,) = await timers.queue.claim(work.session, 1)
    assert not await _set(house, "key", now + timedelta(days=2))
    async with house.database.work() as work:
        assert not await timers.cancel(work, "key")
        await timers.queue.complete(work.session, item)
    assert not await _set(house, "key", now + timedelta(days=3))
    await _set(house, "other", now)
    async with house.database.work() as work:
        assert await timers.cancel(work, "other")
        assert not await timers.cancel(work, "other")
    assert await _due(house) == []


def test_every_service_with_timers_hears_that_a_clock_was_moved() -> None:
    assert {name for name, events in SUBSCRIPTIONS.items() if ClockMoved in events} == set(WITH_TIMERS)


@pytest.mark.parametrize("service", WITH_TIMERS)
async def test_the_fact_moves_the_clock_there(empty_house: dict[str, Service], service: str) -> None:
    tables = import_module(f"services.{service}.adapters.tables")
    database, consumer = empty_house[service].database, empty_house[service].worker._consumer
    assert consumer is not None
    fact = ClockMoved(account_id=new_id("acc"), offset_seconds=86_400, moved_at=datetime.now(UTC))
    event_id = uuid7()
    body = encode(fact, event_id, datetime.now(UTC), None)
    await consumer.receive(Message(str(event_id), fact.wire_type, body))
    async with database.read() as session:
        assert await tables.timers.clocks.offset(session, fact.account_id) == timedelta(days=1)
