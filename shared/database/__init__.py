"""Engine, unit of work, naming convention and durable rows (claim · complete · retry · dead)."""

from shared.database.columns import Instant, PrefixedId, schema_metadata
from shared.database.durable import (
    Claimed,
    DurableQueue,
    DurableRow,
    FailureClass,
    HandlingFailed,
    LeaseLost,
    NotUnderstood,
    durable_columns,
    durable_index,
    purge_done,
    purge_in_batches,
    purge_rows,
)
from shared.database.engine import Database, is_away, is_busy
from shared.database.notify import Listener, Notifier
from shared.database.stateful import History, Stateful, status_check
from shared.database.timers import TIMERS_KEPT, BusinessClocks, Timer, TimerHandler, TimerRunner, Timers
from shared.database.unit_of_work import Recorded, UnitOfWork
from shared.database.worker import BatchWorker, DurableWorker

__all__ = [
    "TIMERS_KEPT",
    "BatchWorker",
    "BusinessClocks",
    "Claimed",
    "Database",
    "DurableQueue",
    "DurableRow",
    "DurableWorker",
    "FailureClass",
    "HandlingFailed",
    "History",
    "Instant",
    "LeaseLost",
    "Listener",
    "NotUnderstood",
    "Notifier",
    "PrefixedId",
    "Recorded",
    "Stateful",
    "Timer",
    "TimerHandler",
    "TimerRunner",
    "Timers",
    "UnitOfWork",
    "durable_columns",
    "durable_index",
    "is_away",
    "is_busy",
    "purge_done",
    "purge_in_batches",
    "purge_rows",
    "schema_metadata",
    "status_check",
]
