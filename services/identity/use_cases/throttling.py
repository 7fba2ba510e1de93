"""Counting events, so that guessing and flooding stop working long before they succeed."""

import math
from datetime import datetime

from sqlalchemy import delete, select, text

from services.identity.domain import Attempt, Limit
from services.identity.domain.attempts import subject_of
from shared.database import UnitOfWork
from shared.web.problems import TooManyRequests


async def admit(work: UnitOfWork, limit: Limit, subject: str) -> int:
    """Counts one event of `subject` and returns the event's number. Raises TooManyRequests when there were too many.

    The event is counted before its outcome is known, under a lock per subject: fifty guesses sent at once are
    fifty events, not fifty readers of the same count. A refused event is not counted, so a wait ever ends.
    """
    digest, now = subject_of(subject), work.clock.now()
    await work.session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"{limit.bucket}:{digest.hex()}"}
    )
    decisive = await work.session.execute(
        select(Attempt.at)
        .where(Attempt.bucket == limit.bucket, Attempt.subject == digest, Attempt.at > now - limit.window)
        .order_by(Attempt.at.desc())
        .offset(limit.most - 1)
        .limit(1)
    )
    oldest: datetime | None = decisive.scalar_one_or_none()
    if oldest is not None:
        wait = max(1, math.ceil((oldest + limit.window - now).total_seconds()))
        raise TooManyRequests(
            f"Too many attempts. Try again in {_in_words(wait)}.", retry_after=wait, slug="too-many-attempts"
        )
    event = Attempt(bucket=limit.bucket, subject=digest, at=now)
    work.add(event)
    await work.session.flush()
    return event.id


async def forgive(work: UnitOfWork, limit: Limit, subject: str) -> None:
    """Forgets what was counted against `subject`: the right person came."""
    await work.session.execute(
        delete(Attempt).where(Attempt.bucket == limit.bucket, Attempt.subject == subject_of(subject))
    )


async def discard_event(work: UnitOfWork, event_id: int | None) -> None:
    """Forgets one event that turned out to be harmless."""
    if event_id is not None:
        await work.session.execute(delete(Attempt).where(Attempt.id == event_id))


def _in_words(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
