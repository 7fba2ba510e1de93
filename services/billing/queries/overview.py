"""What needs a person in billing, in one read, and today's money."""

from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.billing.adapters.tables import plumbing
from services.billing.domain import Dispute, StripeEvent, StripeTask
from services.billing.queries.ledger import received_since, refunded_since
from shared.contracts.reads.billing import BillingOverview

# Nobody works through more than this from a number alone, and counting on costs.
_COUNTED = 100


async def overview(session: AsyncSession, now: datetime) -> BillingOverview:
    """Everything the console's first page says of billing. The day begins at midnight UTC."""
    events, tasks = StripeEvent.__table__, StripeTask.__table__
    letters = [plumbing.outbox_table, plumbing.inbox.table]
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return BillingOverview(
        dead_events=await _count(session, events, events.c.state == "dead"),
        parked_events=await _count(session, events, events.c.state == "parked"),
        dead_tasks=await _count(session, tasks, tasks.c.state.in_(("dead", "parked"))),
        dead_letters=min(
            _COUNTED, sum([await _count(session, table, table.c.state.in_(("dead", "parked"))) for table in letters])
        ),
        open_disputes=await _count(session, Dispute.__table__, Dispute.closed_at.is_(None)),
        received_today=await received_since(session, today),
        refunded_today=await refunded_since(session, today),
    )


async def _count(session: AsyncSession, table: FromClause, condition: ColumnElement[bool]) -> int:
    """How many there are, up to `_COUNTED`."""
    some = select(table.c[0]).where(condition).limit(_COUNTED).subquery()
    return int((await session.execute(select(func.count()).select_from(some))).scalar_one())
