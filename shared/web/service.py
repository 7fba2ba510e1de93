"""What a composed service is, and the plumbing tables each of them has."""

from dataclasses import dataclass, field

from fastapi import FastAPI
from sqlalchemy import MetaData, Table

from shared.database import Database, DurableQueue
from shared.messaging import inbox_table, outbox_table
from shared.messaging.inbox import inbox_queue
from shared.messaging.outbox import outbox_queue
from shared.web.idempotency import idempotency_table
from shared.web.worker import ServiceWorker


class Plumbing:
    """Outbox, inbox and idempotency keys of one schema, with the queues over them."""

    def __init__(self, metadata: MetaData) -> None:
        self.outbox_table: Table = outbox_table(metadata)
        self.inbox_table: Table = inbox_table(metadata)
        self.idempotency_keys: Table = idempotency_table(metadata)
        self.outbox: DurableQueue = outbox_queue(self.outbox_table)
        self.inbox: DurableQueue = inbox_queue(self.inbox_table)


@dataclass(frozen=True, slots=True)
class Service:
    """One bounded context, ready to run: `app` answers requests, `worker` does everything else."""

    name: str
    app: FastAPI
    worker: ServiceWorker
    database: Database
    queues: tuple[DurableQueue, ...] = field(default=())
