"""Money for an order: paid, mismatched, or the page expired. Whatever proves it first settles it, once."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, select

from services.billing.domain import Checkout, Proof, Settlement, Subscription, words_for
from services.billing.domain.facts import InvoiceFact, SessionFact, Stamp
from services.billing.domain.payment_group import WITH_PAYMENT
from services.billing.domain.stripe_task import STOP_SUBSCRIPTION
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.payment_groups import groups_of_order, item_ids_of_order, show_subscription
from services.billing.use_cases.schedule import schedule
from shared.contracts.billing import CheckoutExpired, CheckoutPaid, PaymentFailed, PaymentMismatched
from shared.database import FailureClass, HandlingFailed, UnitOfWork

log = structlog.get_logger()

# A page's event and its invoice date one payment within this.
_ONE_PAYMENT = timedelta(minutes=1)
# The billing reason of the invoice an order is paid with, by the mode of its page; others are of later periods.
_FIRST_INVOICES = {"subscription": "subscription_create", "payment": "manual"}


async def apply_session(work: UnitOfWork, fact: SessionFact, *, announce: bool = True) -> Applied:
    """A Checkout Session as it stands now, whoever told us: an event, a look, or an answer to a call.

    announce: whether others are told when the session turns out to have expired.
    """
    if fact.settled:
        return await settle_session(work, fact)
    if fact.status == "expired":
        return await expire_session(work, fact, announce=announce)
    return Applied("awaiting payment")


async def settle_session(work: UnitOfWork, fact: SessionFact) -> Applied:
    """A session was paid. Parks (needs human) money that no checkout of ours is waiting for on this session."""
    checkout = await _checkout_of(work, fact)
    if checkout is None:
        raise HandlingFailed(f"paid session {fact.session_id} belongs to no checkout", FailureClass.NEEDS_HUMAN)
    if checkout.stripe_session_id is None:
        raise HandlingFailed("the session is not recorded yet", FailureClass.TRANSIENT)
    if checkout.stripe_session_id != fact.session_id:
        raise HandlingFailed(
            f"paid session {fact.session_id} is not the one of {checkout.id}", FailureClass.NEEDS_HUMAN
        )
    proof = Proof(
        "session", fact.amount_minor, fact.currency, fact.customer_id, fact.subscription_id, paid_at=fact.paid_at
    )
    return await _settle(work, checkout, proof)


async def settle_by_invoice(work: UnitOfWork, fact: InvoiceFact, stamp: Stamp) -> Applied | None:
    """The invoice of the page was paid: proof as good as the session's. None when it proves nothing."""
    if fact.status != "paid" or fact.reason not in _FIRST_INVOICES.values() or fact.order_hint is None:
        return None
    checkout = await _locked(work, select(Checkout).where(Checkout.order_id == fact.order_hint))
    if checkout is None or _FIRST_INVOICES[checkout.mode] != fact.reason:
        return None
    paid_at = fact.paid_at or stamp.created
    if checkout.status == "paid":
        await _date_by_invoice(work, checkout, paid_at)
    proof = Proof(
        "invoice", fact.amount_paid_minor, fact.currency, fact.customer_id, fact.subscription_id, paid_at=paid_at
    )
    return await _settle(work, checkout, proof)


async def _date_by_invoice(work: UnitOfWork, checkout: Checkout, paid_at: datetime) -> None:
    """A customer on a test clock pays by that clock, which their invoices show and the events of their pages do not."""
    if checkout.paid_at is None or abs(checkout.paid_at - paid_at) <= _ONE_PAYMENT:
        return
    checkout.paid_at = paid_at
    for group in await groups_of_order(work, checkout.order_id):
        group.paid_at = paid_at


async def _settle(work: UnitOfWork, checkout: Checkout, proof: Proof) -> Applied:
    settlement = checkout.settle(proof, work.clock.now())
    if settlement is Settlement.NOTHING_NEW:
        return Applied(f"already {checkout.status}", checkout.order_id)
    if settlement is Settlement.PAID:
        assert checkout.paid_at is not None
        work.publish(
            CheckoutPaid(
                checkout_id=checkout.id,
                order_id=checkout.order_id,
                account_id=checkout.account_id,
                amount_minor=checkout.total_minor,
                currency=checkout.currency,
                stripe_subscription_id=checkout.stripe_subscription_id,
                item_ids=await item_ids_of_order(work, checkout.order_id),
                paid_at=checkout.paid_at,
            )
        )
    else:
        log.error("payment_mismatched", order_id=checkout.order_id, reason=checkout.mismatch)
        work.publish(
            PaymentMismatched(
                checkout_id=checkout.id,
                order_id=checkout.order_id,
                account_id=checkout.account_id,
                reason=checkout.mismatch or "",
                expected_minor=checkout.total_minor,
                expected_currency=checkout.currency,
                received_minor=proof.amount_minor,
                received_currency=proof.currency,
            )
        )
        await _stop_charging(work, checkout)
    await _groups_paid(work, checkout, proof.paid_at or work.clock.now())
    return Applied(checkout.status, checkout.order_id)


async def _stop_charging(work: UnitOfWork, checkout: Checkout) -> None:
    """What money that does not fit has started must not charge again before a person has looked."""
    subscription_id = checkout.stripe_subscription_id
    if subscription_id is not None:
        reason = f"Order {checkout.order_number} is under review: {checkout.mismatch}"
        await schedule(
            work, STOP_SUBSCRIPTION, f"stop:{subscription_id}", {"subscription_id": subscription_id, "reason": reason}
        )


async def _groups_paid(work: UnitOfWork, checkout: Checkout, paid_at: datetime) -> None:
    """The groups know when they were paid; one that began with the payment follows its subscription from here."""
    for group in await groups_of_order(work, checkout.order_id):
        group.paid_at = paid_at
        subscription_id = checkout.stripe_subscription_id
        if group.starts != WITH_PAYMENT or subscription_id is None or not group.bind(subscription_id):
            continue
        statement = select(Subscription).where(Subscription.stripe_subscription_id == subscription_id)
        subscription = (await work.session.execute(statement)).scalar_one_or_none()
        if subscription is not None and subscription.as_of_order >= 0:
            await show_subscription(work, group, subscription)


async def expire_session(work: UnitOfWork, fact: SessionFact, *, announce: bool = True) -> Applied:
    """A session was closed unpaid; only the newest one of a checkout matters."""
    checkout = await _checkout_of(work, fact)
    if checkout is None or checkout.stripe_session_id != fact.session_id:
        return Applied("ignored: not a session we wait for")
    expire_checkout(work, checkout, announce=announce)
    return Applied(checkout.status, checkout.order_id)


def expire_checkout(work: UnitOfWork, checkout: Checkout, *, announce: bool = True) -> None:
    """Expires the checkout and tells, when that is news."""
    if checkout.expire(work.clock.now()) and announce:
        work.publish(
            CheckoutExpired(checkout_id=checkout.id, order_id=checkout.order_id, account_id=checkout.account_id)
        )


async def fail_session(work: UnitOfWork, fact: SessionFact) -> Applied:
    """A delayed payment did not arrive after all: this session is over, the order may be paid with another."""
    checkout = await _checkout_of(work, fact)
    if checkout is None or checkout.stripe_session_id != fact.session_id or checkout.status != "open":
        return Applied("ignored: not a session we wait for")
    now = work.clock.now()
    code, message = words_for("async_payment_failed")
    checkout.drop_session(now, message)
    work.publish(
        PaymentFailed(
            order_id=checkout.order_id, account_id=checkout.account_id, code=code, message=message, failed_at=now
        )
    )
    return Applied("payment failed", checkout.order_id)


async def _checkout_of(work: UnitOfWork, fact: SessionFact) -> Checkout | None:
    """Our row for a session: by the session's id, which we recorded, else by the hint the session carries."""
    found = await _locked(work, select(Checkout).where(Checkout.stripe_session_id == fact.session_id))
    if found is None and fact.checkout_hint is not None:
        found = await _locked(work, select(Checkout).where(Checkout.id == fact.checkout_hint))
    return found


async def _locked(work: UnitOfWork, statement: Select[Checkout]) -> Checkout | None:
    return (await work.session.execute(statement.with_for_update())).scalar_one_or_none()
