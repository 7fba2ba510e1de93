"""An order was canceled: nobody may pay for it any more."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from services.billing.domain import Checkout, ClosedOrder
from services.billing.domain.stripe_task import EXPIRE_SESSION
from services.billing.use_cases.schedule import schedule
from services.billing.use_cases.settle_checkout import expire_checkout
from shared.database import UnitOfWork


async def lock_order(work: UnitOfWork, order_id: str) -> None:
    """One change at a time per order, also before it has a checkout to lock; held until the transaction ends."""
    await work.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(order_id, 0))))


async def close_order(work: UnitOfWork, order_id: str) -> None:
    """Closes the order here, also when no page was asked for yet, and wants an open page closed at Stripe."""
    await lock_order(work, order_id)
    await work.session.execute(
        insert(ClosedOrder).values(order_id=order_id, closed_at=work.clock.now()).on_conflict_do_nothing()
    )
    statement = select(Checkout).where(Checkout.order_id == order_id).with_for_update()
    checkout = (await work.session.execute(statement)).scalar_one_or_none()
    if checkout is None or checkout.status != "open":
        return
    if checkout.stripe_session_id is None:
        expire_checkout(work, checkout)
    else:
        await close_page(work, checkout)


async def close_page(work: UnitOfWork, checkout: Checkout) -> None:
    """Wants the checkout's recorded page closed at Stripe."""
    session_id = checkout.stripe_session_id
    await schedule(work, EXPIRE_SESSION, f"expire:{session_id}", {"session_id": session_id})
