"""One durable row, used everywhere work must survive: outbox, inbox, Stripe's inbox, jobs, mail.

A row is `ready` until it is `done`, `dead` (out of attempts, or the failure is permanent) or `parked` (a
person must decide). Whoever claims it gets a lease: a token, and a time until which nobody else sees the row.
Every final write filters on the token, so a worker that overslept its lease cannot overwrite its successor.
Leases run on PostgreSQL's clock alone: workers' clocks may disagree.
"""

from shared.database.durable.gauges import count_by_state, overdue_seconds
from shared.database.durable.queue import DurableQueue
from shared.database.durable.rows import (
    STATES,
    Claimed,
    DurableRow,
    FailureClass,
    HandlingFailed,
    LeaseLost,
    durable_columns,
    durable_index,
)

__all__ = [
    "STATES",
    "Claimed",
    "DurableQueue",
    "DurableRow",
    "FailureClass",
    "HandlingFailed",
    "LeaseLost",
    "count_by_state",
    "durable_columns",
    "durable_index",
    "overdue_seconds",
]
