"""Engine, unit of work, naming convention and durable rows (claim · complete · retry · dead)."""

from shared.database.columns import Instant, PrefixedId, schema_metadata
from shared.database.durable import (
    Claimed,
    DurableQueue,
    DurableRow,
    FailureClass,
    HandlingFailed,
    LeaseLost,
    durable_columns,
    durable_index,
)
from shared.database.engine import Database, is_away, is_busy
from shared.database.notify import Listener, Notifier
from shared.database.stateful import History, Stateful, status_check
from shared.database.unit_of_work import Recorded, UnitOfWork
from shared.database.worker import BatchWorker, DurableWorker

__all__ = [
    "BatchWorker",
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
    "Notifier",
    "PrefixedId",
    "Recorded",
    "Stateful",
    "UnitOfWork",
    "durable_columns",
    "durable_index",
    "is_away",
    "is_busy",
    "schema_metadata",
    "status_check",
]
