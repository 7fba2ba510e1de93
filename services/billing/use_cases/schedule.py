"""Notes that something is wanted of Stripe; `stripe_tasks` carries it out."""

from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from services.billing.domain import StripeTask
from shared.database import UnitOfWork
from shared.kernel import new_id
from shared.telemetry.tracing import current_traceparent


async def schedule(work: UnitOfWork, kind: str, key: str, payload: dict[str, Any]) -> None:
    """Wants something of Stripe, once per `key`. Wanted again, what gave up or waits for a person is tried afresh."""
    statement = insert(StripeTask).values(
        id=new_id("tsk"), kind=kind, key=key, payload=payload, trace=current_traceparent()
    )
    added = await work.session.execute(
        statement.on_conflict_do_update(
            index_elements=[StripeTask.key],
            set_={
                "state": "ready",
                "attempts": 0,
                "payload": statement.excluded.payload,
                "lease_token": None,
                "finished_at": None,
                "next_attempt_at": func.clock_timestamp(),
            },
            where=StripeTask.state.in_(("dead", "parked")),
        ).returning(StripeTask.id)
    )
    if added.first() is not None:
        work.wake("stripe_tasks")
