"""Rows that nothing needs any more."""

from datetime import timedelta
from typing import cast

from sqlalchemy import Table, func

from services.support.domain import Notification
from shared.database import Database, purge_rows

MAILS_KEPT = timedelta(days=90)


async def forget_sent_mails(database: Database) -> int:
    """Deletes mails that were sent or became pointless long ago. Their reasons are not told again after that."""
    table = cast(Table, Notification.__table__)
    ended_at = table.c.finished_at
    over = table.c.state.in_(("done", "canceled")) & (ended_at < func.now() - MAILS_KEPT)
    return await purge_rows(database, table, over, oldest=ended_at)
