"""One durable row, used everywhere work must survive: outbox, inbox, Stripe's inbox, jobs, mail.

A row is `ready` until it is `done`, `dead` (out of attempts, or the failure is permanent) or `parked` (a
person must decide). One that this code does not understand stays `ready` for newer code, in long pauses. Whoever claims
a row gets a lease: a token, and a time until which nobody else sees it. Every final write filters on the token, so a
worker that overslept its lease cannot overwrite its successor.
Leases run on PostgreSQL's clock alone: workers' clocks may disagree.
"""

from shared.database.durable.gauges import count_by_state, overdue_seconds
from shared.database.durable.queue import FIRST_LOOK, DurableQueue
from shared.database.durable.retention import purge_done, purge_in_batches, purge_rows
from shared.database.durable.rows import (
    STATES,
    Claimed,
    DurableRow,
    FailureClass,
    HandlingFailed,
    LeaseLost,
    NotUnderstood,
    durable_columns,
    durable_index,
)

__all__ = [
    "FIRST_LOOK",
    "STATES",
    "Claimed",
    "DurableQueue",
    "DurableRow",
    "FailureClass",
    "HandlingFailed",
    "LeaseLost",
    "NotUnderstood",
    "count_by_state",
    "durable_columns",
    "durable_index",
    "overdue_seconds",
    "purge_done",
    "purge_in_batches",
    "purge_rows",
]
