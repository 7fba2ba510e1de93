"""Rows that nothing needs any more."""

from datetime import timedelta

from sqlalchemy import delete

from services.identity.domain import Attempt, Session, Verification
from services.identity.domain.attempts import LONGEST_WINDOW
from shared.database import UnitOfWork

# A while longer than they could be of use, so that "why was I signed out" can be answered.
_SESSIONS_KEPT = timedelta(days=30)
_VERIFICATIONS_KEPT = timedelta(days=7)


async def forget_what_is_over(work: UnitOfWork) -> None:
    """Deletes sessions and verifications that ended a while ago, and events that no limit counts any more."""
    now = work.clock.now()
    # However a session ended, its time is up 14 days after it began: one index serves for all of them.
    await work.session.execute(delete(Session).where(Session.expires_at < now - _SESSIONS_KEPT))
    await work.session.execute(delete(Verification).where(Verification.expires_at < now - _VERIFICATIONS_KEPT))
    await work.session.execute(delete(Attempt).where(Attempt.at < now - LONGEST_WINDOW))
