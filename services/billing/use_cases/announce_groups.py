"""Groups whose subscription nobody was told of: paid before billing told of subscriptions at all."""

from sqlalchemy import select

from services.billing.domain import PaymentGroup, Subscription
from services.billing.use_cases.payment_groups import locked_groups, show_subscription
from shared.database import UnitOfWork

_PER_RUN = 200


async def announce_groups(work: UnitOfWork) -> None:
    """Tells of some of them: that they started, or how they have ended since."""
    unannounced = select(PaymentGroup).where(
        PaymentGroup.announced.is_(None),
        PaymentGroup.paid_at.is_not(None),
        PaymentGroup.stripe_subscription_id.is_not(None),
        PaymentGroup.status.not_in(("waiting", "incomplete", "paused")),
    )
    groups = await locked_groups(work, unannounced.limit(_PER_RUN))
    wanted = [group.stripe_subscription_id for group in groups]
    rows = await work.session.execute(select(Subscription).where(Subscription.stripe_subscription_id.in_(wanted)))
    subscriptions = {row.stripe_subscription_id: row for row in rows.scalars()}
    for group in groups:
        subscription = subscriptions.get(group.stripe_subscription_id or "")
        if subscription is not None:
            await show_subscription(work, group, subscription)
