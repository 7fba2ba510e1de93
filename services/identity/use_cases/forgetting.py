"""Rows that nothing needs any more."""

from datetime import timedelta

from sqlalchemy import delete, or_

from services.identity.domain import Attempt, Session, Verification
from services.identity.domain.attempts import LONGEST_WINDOW
from services.identity.domain.sessions import IDLE
from shared.database import UnitOfWork

# A while longer than they are of use, so that "why was I signed out" can be answered.
_SESSIONS_KEPT = timedelta(days=30)
_VERIFICATIONS_KEPT = timedelta(days=7)


async def forget_what_is_over(work: UnitOfWork) -> None:
    """Deletes sessions and verifications that ended a while ago, and events that no limit counts any more."""
    now = work.clock.now()
    over = now - _SESSIONS_KEPT
    await work.session.execute(
        delete(Session).where(
            or_(Session.ended_at < over, Session.expires_at < over, Session.last_seen_at < over - IDLE)
        )
    )
    await work.session.execute(delete(Verification).where(Verification.expires_at < now - _VERIFICATIONS_KEPT))
    await work.session.execute(delete(Attempt).where(Attempt.at < now - LONGEST_WINDOW))
