"""Rows that nothing needs any more."""

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table
from sqlalchemy.orm import InstrumentedAttribute

from services.identity.domain import Attempt, Session, Verification
from services.identity.domain.attempts import LONGEST_WINDOW
from shared.database import Database, purge_rows

# A while longer than they could be of use, so that "why was I signed out" can be answered. However a session ended,
# its time is up 14 days after it began: one index serves for all of them.
_KEPT: tuple[tuple[InstrumentedAttribute[datetime], timedelta], ...] = (
    (Session.expires_at, timedelta(days=30)),
    (Verification.expires_at, timedelta(days=7)),
    (Attempt.at, LONGEST_WINDOW),
)


async def forget_what_is_over(database: Database) -> None:
    """Deletes sessions and verifications that ended a while ago, and events that no limit counts any more."""
    now = database.clock.now()
    for ended_at, kept in _KEPT:
        table = cast(Table, ended_at.class_.__table__)
        column = table.c[ended_at.key]
        await purge_rows(database, table, column < now - kept, oldest=column)
