"""Rows that nothing needs any more."""

from datetime import timedelta

from sqlalchemy import delete, func

from services.support.domain import Notification
from shared.database import UnitOfWork

MAILS_KEPT = timedelta(days=90)


async def forget_sent_mails(work: UnitOfWork) -> None:
    """Deletes mails that were sent or became pointless long ago. Their reasons are not told again after that."""
    await work.session.execute(
        delete(Notification).where(
            Notification.state.in_(("done", "canceled")),
            Notification.finished_at < func.now() - MAILS_KEPT,
        )
    )
