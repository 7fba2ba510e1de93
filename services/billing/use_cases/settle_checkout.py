"""Money for an order: paid, mismatched, or the page expired. Whatever proves it first settles it, once."""

import structlog
from sqlalchemy import Select, select

from services.billing.domain import Checkout, Proof, Settlement, words_for
from services.billing.domain.facts import InvoiceFact, SessionFact
from services.billing.use_cases.applied import Applied
from shared.contracts.billing import CheckoutExpired, CheckoutPaid, PaymentFailed, PaymentMismatched
from shared.database import FailureClass, HandlingFailed, UnitOfWork

log = structlog.get_logger()

# The invoice that starts a subscription is the one an order is paid with; later ones are renewals.
_FIRST_INVOICE = "subscription_create"


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
    proof = Proof("session", fact.amount_minor, fact.currency, fact.customer_id, fact.subscription_id)
    return _settle(work, checkout, proof)


async def settle_by_invoice(work: UnitOfWork, fact: InvoiceFact) -> Applied | None:
    """A subscription's first invoice was paid: proof as good as the session's. None when it proves nothing."""
    if fact.status != "paid" or fact.reason != _FIRST_INVOICE or fact.order_hint is None:
        return None
    checkout = await _locked(work, select(Checkout).where(Checkout.order_id == fact.order_hint))
    if checkout is None:
        return None
    proof = Proof("invoice", fact.amount_paid_minor, fact.currency, fact.customer_id, fact.subscription_id)
    return _settle(work, checkout, proof)


def _settle(work: UnitOfWork, checkout: Checkout, proof: Proof) -> Applied:
    settlement = checkout.settle(proof, work.clock.now())
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
                paid_at=checkout.paid_at,
            )
        )
    elif settlement is Settlement.MISMATCHED:
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
    outcome = checkout.status if settlement is not Settlement.NOTHING_NEW else f"already {checkout.status}"
    return Applied(outcome, checkout.order_id)


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
