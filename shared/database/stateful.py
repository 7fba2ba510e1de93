"""Rows with a lifecycle: status is written by one method only, and every move leaves a line of history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Identity, Integer, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, WriteOnlyCollection, mapped_column

from shared.database.columns import Instant
from shared.kernel import Lifecycle
from shared.telemetry.tracing import current_traceparent


class History:
    """One line of what happened to a row: who, when, why. A subclass adds the foreign key.

    The customer's timeline is read from here, so `detail` holds only what the owner may see.
    """

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    verb: Mapped[str] = mapped_column(String(40))
    from_status: Mapped[str] = mapped_column(String(20))
    to_status: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(Text, default=None)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    trace: Mapped[str | None] = mapped_column(String(64), default=None)


class Stateful:
    """A mapped class whose status moves by its lifecycle.

    A subclass sets `lifecycle` and `history_model`, declares
    `history: WriteOnlyMapped[TheHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)`,
    puts `status_check(lifecycle)` into `__table_args__`, and writes its public verbs on top of `_move`.
    """

    lifecycle: ClassVar[Lifecycle]
    history_model: ClassVar[type[Any]]

    _status: Mapped[str] = mapped_column("status", String(20))
    version: Mapped[int] = mapped_column(Integer, default=1)

    @property
    def status(self) -> str:
        """The state this row is in."""
        return self._status

    def _begin(
        self, *, at: datetime, by: str, reason: str | None = None, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Enters the first state and writes the first line of history."""
        self._status = self.lifecycle.start
        self.version = 1
        self._note("begin", self._status, self._status, at, by, reason, detail)

    def _move(
        self,
        verb: str,
        *,
        at: datetime,
        by: str,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> bool:
        """Applies `verb`. True when the state changed, False for a harmless repeat; raises IllegalMove."""
        before = self._status
        after = self.lifecycle.after(before, verb)
        if self.lifecycle.is_repeat(before, verb):
            return False
        self._status = after
        self.version += 1
        self._note(verb, before, after, at, by, reason, detail)
        return True

    def note(
        self,
        what: str,
        *,
        at: datetime,
        by: str,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes a line of history that is no move: something happened, the state stays."""
        self._note(what, self._status, self._status, at, by, reason, detail)

    def _note(
        self,
        verb: str,
        before: str,
        after: str,
        at: datetime,
        by: str,
        reason: str | None,
        detail: Mapping[str, Any] | None,
    ) -> None:
        history: WriteOnlyCollection[Any] = self.history  # type: ignore[attr-defined]  # declared by the subclass
        history.add(
            self.history_model(
                verb=verb,
                from_status=before,
                to_status=after,
                at=at,
                by=by,
                reason=reason,
                detail=dict(detail or {}),
                trace=current_traceparent(),
            )
        )


def status_check(lifecycle: Lifecycle) -> CheckConstraint:
    """The CHECK constraint that holds the column to the lifecycle's states."""
    states = ", ".join(f"'{state}'" for state in lifecycle.states)
    return CheckConstraint(f"status IN ({states})", name="status")
