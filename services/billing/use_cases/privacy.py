"""What billing holds about an account: who pays, and what was paid."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import ARRAY, ColumnElement, Select, String, Table, any_, func, literal, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from services.billing.adapters.tables import clocks, plumbing
from services.billing.domain import (
    Checkout,
    CheckoutHistory,
    CreditNote,
    Dispute,
    Entry,
    FormerCustomer,
    Invoice,
    Payer,
    Payment,
    PaymentGroup,
    Posting,
    Refund,
    StripeEvent,
    Subscription,
)
from services.billing.domain.credit import CreditNoteHistory
from services.billing.domain.dispute import DisputeHistory
from services.billing.domain.refund import RefundHistory
from shared.database import Database, UnitOfWork
from shared.web.privacy import ERASED, ERASED_DOMAIN, Holding, Privacy

_BOOKS = "tax law asks for invoices and payments for up to ten years; they name an id, amounts and dates"
_EVENTS_PER_STEP = 20_000

_payers, _events, _history = (cast(Table, model.__table__) for model in (Payer, StripeEvent, CheckoutHistory))


def _of(account: InstrumentedAttribute[Any]) -> Holding:
    """Books of the account: shown, and kept."""
    column = cast(Table, account.class_.__table__).c[account.key]
    return Holding(column.table, lambda account_id: column == account_id, kept=_BOOKS)


def _about(column: InstrumentedAttribute[Any], ids: Callable[[str], Select[Any]]) -> Holding:
    """Books that name no account, but something of it: shown, and kept."""
    own = cast(Table, column.class_.__table__).c[column.key]
    return Holding(own.table, lambda account_id: own.in_(ids(account_id)), kept=_BOOKS)


def _charges_of(account_id: str) -> Select[str]:
    return select(Payment.reference).where(Payment.account_id == account_id)


def _entries_of(account_id: str) -> Select[str]:
    invoices = select(Invoice.stripe_invoice_id).where(Invoice.account_id == account_id)
    return select(Entry.id).where(or_(Entry.charge.in_(_charges_of(account_id)), Entry.invoice.in_(invoices)))


def _refunds_of(account_id: str) -> Select[str]:
    return select(Refund.id).where(Refund.charge.in_(_charges_of(account_id)))


def _disputes_of(account_id: str) -> Select[str]:
    return select(Dispute.id).where(Dispute.charge.in_(_charges_of(account_id)))


def _credit_notes_of(account_id: str) -> Select[str]:
    return select(CreditNote.id).where(CreditNote.account_id == account_id)


def _checkouts_of(account_id: str) -> Select[str]:
    return select(Checkout.id).where(Checkout.account_id == account_id)


def _checkout_history(account_id: str) -> ColumnElement[bool]:
    return _history.c.checkout_id.in_(_checkouts_of(account_id))


HOLDINGS = (
    Holding(
        _payers,
        lambda account_id: _payers.c.account_id == account_id,
        erase={"email": f"nobody@{ERASED_DOMAIN}", "name": ERASED, "account_name": ERASED},
        kept="the id, and Stripe's id of the customer: whoever runs the shop erases the customer at Stripe",
    ),
    _of(FormerCustomer.account_id),
    _of(Checkout.account_id),
    _of(PaymentGroup.account_id),
    Holding(_history, _checkout_history, kept=_BOOKS),
    _of(Invoice.account_id),
    _of(Payment.account_id),
    _of(CreditNote.account_id),
    _about(CreditNoteHistory.credit_note_id, _credit_notes_of),
    _about(Refund.id, _refunds_of),
    _about(RefundHistory.refund_id, _refunds_of),
    _about(Dispute.id, _disputes_of),
    _about(DisputeHistory.dispute_id, _disputes_of),
    _about(Entry.id, _entries_of),
    _about(Posting.entry_id, _entries_of),
    _of(Subscription.account_id),
    Holding(clocks.table, lambda account_id: clocks.table.c.account_id == account_id),
)


async def forget_events(database: Database, account_id: str) -> int:
    """Empties the stored texts of Stripe's events about this account; they had their effect. Returns how many.

    A text names the customer, the payment or the account. No index leads there, so all are read, a part at a time.
    """
    names = await _names_at_stripe(database, account_id)
    async with database.read() as session:
        last = await session.scalar(select(func.max(StripeEvent.seq))) or 0
    emptied = 0
    for start in range(0, last, _EVENTS_PER_STEP):

        async def forget(work: UnitOfWork, after: int = start) -> int:
            told = await work.session.execute(
                update(_events)
                .where(
                    _events.c.seq > after,
                    _events.c.seq <= after + _EVENTS_PER_STEP,
                    _events.c.state != "ready",
                    _events.c.payload.like(any_(literal([f'%"{name}"%' for name in names], ARRAY(String)))),
                )
                .values(payload="{}")
                .returning(_events.c.id)
            )
            return len(told.all())

        emptied += await database.run(forget)
    return emptied


async def _names_at_stripe(database: Database, account_id: str) -> Sequence[str]:
    async with database.read() as session:
        payer = await session.get(Payer, account_id)
        paid = select(Payment.reference, Payment.stripe_payment_intent_id).where(Payment.account_id == account_id)
        payments = (await session.execute(paid)).all()
        gone = select(FormerCustomer.stripe_customer_id).where(FormerCustomer.account_id == account_id)
        former = (await session.scalars(gone)).all()
    names = [account_id, *former, *(name for row in payments for name in row if name)]
    return [*names, payer.stripe_customer_id] if payer and payer.stripe_customer_id else names


def privacy(database: Database) -> Privacy:
    """Billing's port."""
    return Privacy(
        database,
        plumbing,
        HOLDINGS,
        people=lambda account_id: select(Payer.user_id).where(Payer.account_id == account_id),
        left_out={"stripe_events": "Stripe's own texts of what is shown here, deleted after 45 days"},
        in_steps={"stripe_events": forget_events},
    )
