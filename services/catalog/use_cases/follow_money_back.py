"""What billing reports about money that goes back or is in doubt: told in the timeline and shown to staff."""

from services.catalog.use_cases.loading import locked_order, order_changed
from shared.contracts.billing import DisputeClosed, DisputeOpened, RefundSucceeded
from shared.database import UnitOfWork
from shared.kernel import Money

_BILLING = "service:billing"


async def on_refund_succeeded(work: UnitOfWork, event: RefundSucceeded) -> None:
    """Money went back to the payer; what becomes of the services is for staff to decide."""
    await _note(work, event, "refunded", flag="refunded", amount=str(Money(event.amount_minor, event.currency)))


async def on_dispute_opened(work: UnitOfWork, event: DisputeOpened) -> None:
    """The payer's bank takes a payment into doubt."""
    amount = str(Money(event.amount_minor, event.currency))
    await _note(work, event, "dispute_opened", flag="disputed", reason=event.reason, amount=amount)


async def on_dispute_closed(work: UnitOfWork, event: DisputeClosed) -> None:
    """The dispute is decided; staff see the outcome."""
    await _note(work, event, "dispute_closed", flag="dispute_closed", reason=event.outcome)


async def _note(
    work: UnitOfWork,
    event: RefundSucceeded | DisputeOpened | DisputeClosed,
    what: str,
    *,
    flag: str,
    reason: str | None = None,
    **detail: str,
) -> None:
    if event.order_id is None:  # money of an account that belongs to no order of ours
        return
    order = await locked_order(work, event.order_id, event.account_id)
    order.flag(flag)
    order.note(what, at=work.clock.now(), by=_BILLING, reason=reason, detail=detail)
    order_changed(work, order)
