"""What runs without a request: stored events and tasks as they become due, and what the clock asks for."""

from collections.abc import Sequence
from datetime import timedelta

from services.billing.adapters.payments import PaymentProvider
from services.billing.adapters.tables import plumbing
from services.billing.use_cases.announce_groups import announce_groups
from services.billing.use_cases.apply_event import StoredEvent, apply_events
from services.billing.use_cases.book_before import book_before
from services.billing.use_cases.fetch_object import in_our_version
from services.billing.use_cases.post_entries import announce_for_no_order
from services.billing.use_cases.reconcile import Reconciler
from shared.database import Claimed, Database, DurableQueue, UnitOfWork, purge_done
from shared.web.service import purge_plumbing
from shared.web.worker import ClockJob

# Stripe can be asked for events of the last 30 days, so a repeat may come that late; the ids are kept longer.
KEPT_EVENTS = timedelta(days=45)


class EventProcessor:
    """Applies claimed events: effect, facts and completion in one transaction.

    payments: where the object behind an event of another API version is fetched in ours; without it such an event
    waits for a person.
    """

    def __init__(self, database: Database, queue: DurableQueue, payments: PaymentProvider | None = None) -> None:
        self._database = database
        self._queue = queue
        self._payments = payments

    async def handle(self, claimed: Claimed) -> None:
        """Applies one event. Raises HandlingFailed when its failure has a meaning."""
        event = _stored(claimed)
        if event.is_foreign and self._payments is not None:
            event = await in_our_version(self._payments, event)
        await self._apply([claimed], [event])

    async def handle_batch(self, claimed: Sequence[Claimed]) -> None:
        """Applies events of one claim in one transaction: all of them, or, when any cannot be applied, none."""
        await self._apply(claimed, [_stored(item) for item in claimed])

    async def _apply(self, claimed: Sequence[Claimed], events: Sequence[StoredEvent]) -> None:
        async def change(work: UnitOfWork) -> None:
            applied = await apply_events(work, events)
            done = [
                (item, {"outcome": one.outcome[:200], "order_id": one.order_id})
                for item, one in zip(claimed, applied, strict=True)
            ]
            await self._queue.complete_each(work.session, done)

        await self._database.run(change)


def _stored(claimed: Claimed) -> StoredEvent:
    row = claimed.row
    created, payload, trace = row["stripe_created_at"], row["payload"], row["trace"]
    return StoredEvent(claimed.id, row["type"], row["api_version"], created, payload, trace)


def clock_jobs(database: Database, reconciler: Reconciler, queues: Sequence[DurableQueue]) -> list[ClockJob]:
    """Two looks at Stripe every minute, what was not announced or booked yet, and the forgetting."""

    async def sweep_events() -> None:
        await reconciler.sweep_events()

    async def look_at_sessions() -> None:
        await reconciler.look_at_sessions()

    async def book_earlier() -> None:
        await book_before(database)

    async def announce_waiting() -> None:
        await database.run(announce_for_no_order)

    async def announce() -> None:
        await database.run(announce_groups)

    async def purge() -> None:
        for queue in queues:
            await purge_done(database, queue, KEPT_EVENTS)
        await purge_plumbing(database, plumbing)

    return [
        ClockJob("sweep_events", 60, sweep_events),
        ClockJob("look_at_sessions", 60, look_at_sessions),
        ClockJob("book_before", 30, book_earlier),
        ClockJob("announce_waiting", 60, announce_waiting),
        ClockJob("announce_groups", 60, announce),
        ClockJob("purge", 600, purge),
    ]
