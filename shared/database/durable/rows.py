"""What makes a row durable: its columns, what may become of it, and what a failure means for it."""

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.columns import Instant

STATES = ("ready", "done", "dead", "parked", "canceled")


class FailureClass(enum.StrEnum):
    """What a failure means for the row: again, never, find out first, ask a person, or wait for newer code."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    AMBIGUOUS = "ambiguous"
    NEEDS_HUMAN = "needs_human"
    NOT_UNDERSTOOD = "not_understood"


class HandlingFailed(Exception):
    """Raised by a handler that knows what its failure means. Any other exception counts as transient.

    `retry_after` (seconds) overrides the backoff, e.g. with a provider's Retry-After.
    """

    def __init__(self, reason: str, failure: FailureClass, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.failure = failure
        self.retry_after = retry_after


class NotUnderstood(HandlingFailed):
    """Raised for a row that newer code may understand: a type, a value or a payload this code does not know.

    The row waits, in long pauses that are not counted as attempts, until code that understands it takes it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason, FailureClass.NOT_UNDERSTOOD)


class LeaseLost(Exception):
    """The lease ran out and somebody else may own the row; whatever this worker did must roll back."""


def durable_columns() -> list[Column[Any]]:
    """The columns that make a Core table durable; add the payload's own beside them."""
    return [
        Column("state", String(10), nullable=False, server_default="ready"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("next_attempt_at", Instant, nullable=False, server_default=text("clock_timestamp()")),
        Column("lease_token", PG_UUID(as_uuid=True)),
        Column("failure_class", String(20)),
        Column("last_error", Text),
        Column("trace", String(64)),
        Column("created_at", Instant, nullable=False, server_default=text("clock_timestamp()")),
        Column("finished_at", Instant),
    ]


class DurableRow:
    """The same columns for a mapped class; its primary key must be called `id`."""

    state: Mapped[str] = mapped_column(String(10), server_default="ready", default="ready")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    next_attempt_at: Mapped[Any] = mapped_column(Instant, server_default=text("clock_timestamp()"))
    lease_token: Mapped[uuid.UUID | None] = mapped_column(PG_UUID(as_uuid=True), default=None)
    failure_class: Mapped[str | None] = mapped_column(String(20), default=None)
    last_error: Mapped[str | None] = mapped_column(Text, default=None)
    trace: Mapped[str | None] = mapped_column(String(64), default=None)
    created_at: Mapped[Any] = mapped_column(Instant, server_default=text("clock_timestamp()"))
    finished_at: Mapped[Any | None] = mapped_column(Instant, default=None)


def durable_index(table: str) -> Index:
    """The index a claim walks: only rows that wait, the longest-waiting first."""
    return Index(f"ix_{table}_ready", "next_attempt_at", postgresql_where=text("state = 'ready'"))


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row somebody has claimed: its id, its lease, which attempt this is, and all of its columns."""

    id: Any
    lease: uuid.UUID
    attempt: int
    row: Mapping[str, Any]
