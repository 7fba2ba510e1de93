"""Staff ask for an event to be processed again."""

from sqlalchemy import func, update

from services.billing.domain import StripeEvent, event_queue
from shared.database import UnitOfWork
from shared.kernel import Conflict, NotFound


async def replay_event(work: UnitOfWork, event_id: str) -> None:
    """Gives a dead or parked event fresh attempts, hurries a waiting one, and lets an ignored one be looked at anew.

    Raises NotFound, or Conflict for an event that had its effect. Safe to press twice.
    """
    event = await work.session.get(StripeEvent, event_id)
    if event is None:
        raise NotFound("There is no event with this id.")
    queue = event_queue()
    if event.state == "ready":
        await queue.make_due(work.session, event_id)
    elif event.state == "done":
        if not (event.outcome or "").startswith("ignored"):
            raise Conflict("The event was processed; doing it again would change nothing.", slug="already-processed")
        await work.session.execute(
            update(StripeEvent)
            .where(StripeEvent.id == event_id, StripeEvent.state == "done")
            .values(state="ready", attempts=0, finished_at=None, next_attempt_at=func.clock_timestamp())
        )
    else:
        await queue.replay(work.session, event_id)
    work.wake("stripe_events")
