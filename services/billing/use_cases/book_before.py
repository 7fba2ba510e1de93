"""An installation that is older than its ledger books what it held before: once, in small steps, from where it stopped.

First Stripe's events of refunds, disputes and credit notes that are still stored are processed again, because earlier
versions did not keep these one by one. Then every payment and every invoice is booked as its mirror shows it; what of a
payment's refunds and dispute is older than the stored events is booked as one sum.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, or_, select, update

from services.billing.domain import (
    Account,
    Backfill,
    Dispute,
    Draft,
    Invoice,
    Kind,
    Payment,
    Refund,
    StripeEvent,
    invoice_drafts,
    payment_drafts,
)
from services.billing.domain.ledger import transfer
from services.billing.domain.refund import RETURNED
from services.billing.use_cases.post_entries import write
from shared.database import Database, UnitOfWork

_STEP = 200
_KEPT_APART_NOW = ("refund.", "charge.refund.", "credit_note.", "charge.dispute.")
# Where Stripe has the disputed money, of the statuses that older versions noted (https://docs.stripe.com/disputes).
_WITHDRAWN = frozenset({"needs_response", "under_review", "lost"})


def _is_about_those() -> ColumnElement[bool]:
    return or_(*(StripeEvent.type.startswith(prefix, autoescape=True) for prefix in _KEPT_APART_NOW))


async def book_before(database: Database) -> None:
    """Goes on until everything is booked, or until events have to be processed first (a clock job)."""
    while await database.run(_next_step):
        pass


async def _next_step(work: UnitOfWork) -> bool:
    """One small step. False when there is nothing to do (now)."""
    statement = select(Backfill).where(Backfill.done_at.is_(None)).with_for_update()
    open_ones = {row.name: row for row in (await work.session.execute(statement)).scalars()}
    if "events" in open_ones:
        return await _process_again(work, open_ones["events"])
    if "payments" in open_ones:
        if await _being_processed(work):
            return False
        return await _book_payments(work, open_ones["payments"])
    return "invoices" in open_ones and await _book_invoices(work, open_ones["invoices"])


def _advance(work: UnitOfWork, backfill: Backfill, keys: Sequence[str]) -> bool:
    if len(keys) < _STEP:
        backfill.done_at = work.clock.now()
    if keys:
        backfill.after_key = keys[-1]
    return True


async def _process_again(work: UnitOfWork, backfill: Backfill) -> bool:
    statement = select(StripeEvent.seq).where(
        _is_about_those(),
        StripeEvent.state == "done",
        StripeEvent.payload != "{}",  # the text is gone when its account was forgotten
        StripeEvent.seq > int(backfill.after_key or 0),
    )
    numbers = list(await work.session.scalars(statement.order_by(StripeEvent.seq).limit(_STEP)))
    await work.session.execute(
        update(StripeEvent)
        .where(StripeEvent.seq.in_(numbers), StripeEvent.state == "done")
        .values(state="ready", attempts=0, finished_at=None, next_attempt_at=func.clock_timestamp())
    )
    work.wake("stripe_events")
    return _advance(work, backfill, [str(number) for number in numbers])


async def _being_processed(work: UnitOfWork) -> bool:
    statement = select(StripeEvent.id).where(StripeEvent.state == "ready", _is_about_those())
    return (await work.session.execute(statement.limit(1))).first() is not None


async def _book_payments(work: UnitOfWork, backfill: Backfill) -> bool:
    statement = select(Payment).where(Payment.reference > backfill.after_key).order_by(Payment.reference).limit(_STEP)
    payments = list((await work.session.execute(statement.with_for_update())).scalars())
    charges = [payment.reference for payment in payments]
    given_back = await _given_back(work, charges)
    disputed = set(await work.session.scalars(select(Dispute.charge).where(Dispute.charge.in_(charges))))
    drafts: list[Draft] = []
    for payment in payments:
        if payment.account_id is None:
            continue
        if payment.status == "succeeded":
            payment.charged_at = payment.charged_at or payment.created_at
        drafts += payment_drafts(payment)
        drafts += _earlier_refunds(payment, payment.refunded_minor - given_back.get(payment.reference, 0))
        if payment.reference not in disputed:
            drafts += _earlier_dispute(payment)
    await write(work, drafts)
    return _advance(work, backfill, charges)


async def _given_back(work: UnitOfWork, charges: Sequence[str]) -> dict[str, int]:
    statement = (
        select(Refund.charge, func.sum(Refund.amount_minor))
        .where(Refund.charge.in_(charges), Refund.stripe_status.not_in(RETURNED))
        .group_by(Refund.charge)
    )
    return {charge: int(amount) for charge, amount in await work.session.execute(statement)}


def _earlier_refunds(payment: Payment, amount: int) -> list[Draft]:
    if amount <= 0:
        return []
    payment.refunds_booked_until = payment.as_of
    moved = transfer(Account.REFUNDS, Account.CLEARING, amount)
    return [_before(payment, Kind.REFUND, moved)]


def _earlier_dispute(payment: Payment) -> list[Draft]:
    if payment.dispute_status not in _WITHDRAWN:
        return []
    payment.disputes_booked_until = payment.dispute_as_of
    moved = transfer(Account.DISPUTES, Account.CLEARING, payment.disputed_minor)
    return [_before(payment, Kind.DISPUTE, moved)]


def _before(payment: Payment, kind: Kind, amounts: dict[Account, int]) -> Draft:
    # The charge stands for what was not kept one by one.
    at = payment.dispute_as_of if kind is Kind.DISPUTE and payment.dispute_as_of else payment.as_of
    return Draft(kind, payment.reference, at, payment.currency, amounts, charge=payment.reference)


async def _book_invoices(work: UnitOfWork, backfill: Backfill) -> bool:
    statement = select(Invoice).where(Invoice.stripe_invoice_id > backfill.after_key)
    page = statement.order_by(Invoice.stripe_invoice_id).limit(_STEP).with_for_update()
    invoices = list((await work.session.execute(page)).scalars())
    for invoice in invoices:
        # Earlier versions did not keep what the balance paid; of a paid invoice it is the rest.
        if invoice.status == "paid" and invoice.finalized_at is None:
            invoice.balance_applied_minor = invoice.total_minor - invoice.amount_paid_minor
    await write(work, [draft for invoice in invoices for draft in invoice_drafts(invoice)])
    return _advance(work, backfill, [invoice.stripe_invoice_id for invoice in invoices])
