"""What a composed service is, and the plumbing tables each of them has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from fastapi import FastAPI
from sqlalchemy import Index, MetaData, Table, text

from shared.database import Database, DurableQueue, purge_done
from shared.messaging import inbox_table, outbox_table
from shared.messaging.inbox import inbox_queue
from shared.messaging.outbox import outbox_queue
from shared.messaging.personal import forget_dead_bodies
from shared.web.idempotency import idempotency_table, purge_keys
from shared.web.privacy import PrivacyPort
from shared.web.worker import ServiceWorker

# An event id must be remembered for as long as its fact may be delivered again.
INBOX_KEPT = timedelta(days=35)
OUTBOX_KEPT = timedelta(days=7)


class Plumbing:
    """Outbox, inbox and idempotency keys of one schema, with the queues over them."""

    def __init__(self, metadata: MetaData) -> None:
        self.outbox_table: Table = outbox_table(metadata)
        self.inbox_table: Table = inbox_table(metadata)
        self.idempotency_keys: Table = idempotency_table(metadata)
        for table in (self.outbox_table, self.inbox_table):
            _index_what_is_over(table)
        self.outbox: DurableQueue = outbox_queue(self.outbox_table)
        self.inbox: DurableQueue = inbox_queue(self.inbox_table)


def _index_what_is_over(table: Table) -> None:
    """Done rows by when (a purge), the few that gave up and those not understood (a screen): none may read a month."""
    finished_at = table.c.finished_at
    Index(f"ix_{table.name}_finished_at", finished_at, postgresql_where=text("state = 'done'"))
    Index(f"ix_{table.name}_given_up", finished_at, postgresql_where=text("state IN ('dead', 'parked')"))
    waiting = text("state = 'ready' AND failure_class = 'not_understood'")
    Index(f"ix_{table.name}_not_understood", table.c.created_at, postgresql_where=waiting)


async def purge_plumbing(database: Database, plumbing: Plumbing) -> None:
    """Forgets facts that were sent, facts that cannot come again, and answers nobody asks for again (a clock job)."""
    await purge_done(database, plumbing.outbox, OUTBOX_KEPT)
    await purge_done(database, plumbing.inbox, INBOX_KEPT)
    await purge_keys(database, plumbing.idempotency_keys)
    await forget_dead_bodies(database, plumbing.inbox)


@dataclass(frozen=True)
class Service:
    """One bounded context, ready to run: `app` answers requests, `worker` does everything else.

    `api` builds the app, which a worker would hold for nothing; `privacy` shows and forgets what it holds about an
    account.
    """

    name: str
    api: Callable[[], FastAPI]
    worker: ServiceWorker
    database: Database
    queues: tuple[DurableQueue, ...] = field(default=())
    privacy: PrivacyPort = field(kw_only=True)

    @cached_property
    def app(self) -> FastAPI:
        """Its routes, built when they are first asked for."""
        return self.api()
