"""Attempts to pay: a refused one is told to the customer once, and how much was refunded is noted."""

from sqlalchemy import exists, or_, select

from services.billing.domain import Checkout, PaymentGroup, words_for
from services.billing.domain.facts import PaymentFact, Stamp
from services.billing.domain.payment_group import WITH_DELIVERY
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.loading import Loader
from shared.contracts.billing import PaymentFailed
from shared.database import UnitOfWork

# Card networks carry only so much of a reference, so Checkout may have cut the session's id; not shorter than this.
_SHORTEST_REFERENCE = 20


async def record_payment(work: UnitOfWork, loader: Loader, fact: PaymentFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot of an attempt. Two events tell of one refusal; the customer hears of it once.

    An order that is paid meanwhile is not troubled with an older refusal.
    """
    account_id = loader.account(fact.customer_id)
    if account_id is None:
        return Applied("ignored: not a customer of ours")
    payment = loader.payments[fact.reference]
    checkout = await _checkout_of(work, fact)
    payment.account_id = payment.account_id or account_id
    payment.order_id = payment.order_id or (checkout.order_id if checkout else None)
    payment.mirror(fact, stamp)
    if checkout is not None and checkout.status == "open" and payment.report_failure(work.clock.now()):
        code, message = words_for(payment.failure_code)
        work.publish(
            PaymentFailed(
                order_id=checkout.order_id,
                account_id=checkout.account_id,
                code=code,
                message=message,
                failed_at=stamp.created,
            )
        )
    refunded = ", refunded" if payment.refunded_minor else ""
    return Applied(f"payment {payment.status}{refunded}", payment.order_id)


async def _checkout_of(work: UnitOfWork, fact: PaymentFact) -> Checkout | None:
    """The checkout an attempt was made for: by the hint, or by the session's id (or its beginning) on the payment.

    In subscription mode a refused charge names neither. Then it is the customer's only checkout of this amount, if
    there is only one, of whatever status: told late, a refusal may be about an order that is paid by now. An attempt
    made after the customer had bought something may be a renewal, which no amount tells apart: its payment intent will
    name the page, if it has one.
    """
    if fact.customer_id is None:
        return None
    mine = select(Checkout).where(Checkout.stripe_customer_id == fact.customer_id).limit(2).with_for_update()
    ways = []
    if fact.order_hint is not None:
        ways.append(mine.where(Checkout.order_id == fact.order_hint))
    reference = fact.order_reference
    if reference is not None and reference.startswith("cs_") and len(reference) >= _SHORTEST_REFERENCE:
        ways.append(mine.where(Checkout.stripe_session_id.startswith(reference, autoescape=True)))
    if fact.status == "failed" and not await _may_be_a_renewal(work, fact):
        ways.append(mine.where(Checkout.total_minor == fact.amount_minor, Checkout.currency == fact.currency))
    for statement in ways:
        found = list((await work.session.execute(statement)).scalars())
        if len(found) == 1:
            return found[0]
    return None


async def _may_be_a_renewal(work: UnitOfWork, fact: PaymentFact) -> bool:
    """Whether the customer had paid for something by the time of the attempt."""
    bought = select(Checkout.id).where(
        Checkout.stripe_customer_id == fact.customer_id, Checkout.stripe_subscription_id.is_not(None)
    )
    if fact.made_at is not None:
        bought = bought.where(or_(Checkout.paid_at.is_(None), Checkout.paid_at <= fact.made_at))
    groups = select(PaymentGroup.id).join(Checkout, Checkout.id == PaymentGroup.checkout_id)
    started = groups.where(
        Checkout.stripe_customer_id == fact.customer_id,
        PaymentGroup.starts == WITH_DELIVERY,
        PaymentGroup.stripe_subscription_id.is_not(None),
    )
    found = await work.session.execute(select(or_(exists(bought), exists(started))))
    return bool(found.scalar_one())
