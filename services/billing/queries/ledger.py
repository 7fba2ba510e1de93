"""The ledger, for staff: its entries, its balances, and what moved since a moment."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from services.billing.domain import Account, Entry, Invoice, Kind, Payment, PaymentGroup, PaymentGroupItem, Posting
from services.billing.queries.customers import of_accounts
from shared.contracts.reads.base import MoneyView, Page
from shared.contracts.reads.billing import BalanceView, EntryView, PostingView
from shared.web.pagination import PageRequest, page_of

# An order, and one of its groups; None stands for all of it.
Billed = tuple[str | None, str | None]
_NOWHERE: Billed = (None, None)


async def list_entries(session: AsyncSession, page: PageRequest, *, order_id: str | None) -> Page[EntryView]:
    """Entries, the latest written first; of one order, those about its charges and invoices."""
    statement = select(Entry).options(selectinload(Entry.postings))
    if order_id is not None:
        statement = statement.where(_of_order(order_id))
    found = await page_of(session, statement, Entry.id, page, _view)
    orders, accounts = await _concerns(session, [entry.id for entry in found.data])
    items = await _items(session, set(orders.values()))
    customers = await of_accounts(session, accounts.values())
    for entry in found.data:
        entry.order_id, group_id = orders.get(entry.id, _NOWHERE)
        entry.item_ids = items.get((entry.order_id, group_id), [])
        entry.customer = customers.get(accounts.get(entry.id, ""))
    return found


async def balances(session: AsyncSession) -> list[BalanceView]:
    """What every account holds, per currency; positive is a debit. Read from an index alone."""
    total = func.sum(Posting.amount_minor)
    statement = select(Posting.account, Posting.currency, total).group_by(Posting.account, Posting.currency)
    rows = (await session.execute(statement.order_by(Posting.account, Posting.currency))).tuples()
    return [
        BalanceView(account=account, amount=MoneyView(amount_minor=int(amount), currency=currency))
        for account, currency, amount in rows
    ]


async def received_since(session: AsyncSession, since: datetime) -> list[MoneyView]:
    """What came onto our balance at Stripe from payers, per currency, before what went back."""
    return await _cleared(session, [Kind.CAPTURE], since, sign=1)


async def refunded_since(session: AsyncSession, since: datetime) -> list[MoneyView]:
    """What was given back, less what came back of it, per currency."""
    return await _cleared(session, [Kind.REFUND, Kind.REFUND_RETURNED], since, sign=-1)


async def _cleared(session: AsyncSession, kinds: Sequence[Kind], since: datetime, *, sign: int) -> list[MoneyView]:
    total = func.sum(Posting.amount_minor)
    statement = (
        select(Posting.currency, total)
        .join(Entry, Entry.id == Posting.entry_id)
        .where(Entry.kind.in_(kinds), Entry.at >= since, Posting.account == Account.CLEARING)
        .group_by(Posting.currency)
        .order_by(Posting.currency)
    )
    rows = (await session.execute(statement)).tuples()
    return [MoneyView(amount_minor=sign * int(amount), currency=currency) for currency, amount in rows]


def _of_order(order_id: str) -> ColumnElement[bool]:
    charges = select(Payment.reference).where(Payment.order_id == order_id)
    invoices = select(Invoice.stripe_invoice_id).where(Invoice.order_id == order_id)
    return or_(Entry.charge.in_(charges), Entry.invoice.in_(invoices))


async def _concerns(session: AsyncSession, entry_ids: Sequence[str]) -> tuple[dict[str, Billed], dict[str, str]]:
    """Entry id → the order that its charge or invoice is for and, where it bills one, the group of that order; and
    entry id → the account whose charge or invoice that is."""
    by_charge = select(Entry.id, Payment.account_id, Payment.order_id, literal(None).label("group_id")).join(
        Payment, Payment.reference == Entry.charge
    )
    by_invoice = select(Entry.id, Invoice.account_id, Invoice.order_id, Invoice.group_id).join(
        Invoice, Invoice.stripe_invoice_id == Entry.invoice
    )
    orders: dict[str, Billed] = {}
    accounts: dict[str, str] = {}
    for statement in (by_charge, by_invoice):
        rows = (await session.execute(statement.where(Entry.id.in_(entry_ids)))).all()
        orders |= {row.id: (row.order_id, row.group_id) for row in rows if row.order_id is not None}
        accounts |= {row.id: row.account_id for row in rows if row.account_id is not None}
    return orders, accounts


async def _items(session: AsyncSession, billed: set[Billed]) -> dict[Billed, list[str]]:
    """What is billed → the items it is for: those of the group, or all of the order."""
    statement = (
        select(PaymentGroup.order_id, PaymentGroup.id, PaymentGroupItem.item_id)
        .join(PaymentGroupItem, PaymentGroupItem.group_id == PaymentGroup.id)
        .where(
            PaymentGroup.order_id.in_([order_id for order_id, _group in billed]), PaymentGroupItem.item_id.is_not(None)
        )
        .order_by(PaymentGroupItem.id)
    )
    found: dict[Billed, list[str]] = {}
    for order_id, group_id, item_id in (await session.execute(statement)).tuples():
        for one in ((order_id, group_id), (order_id, None)):
            found.setdefault(one, []).append(str(item_id))
    return found


def _view(entry: Entry) -> EntryView:
    return EntryView(
        id=entry.id,
        kind=entry.kind,
        at=entry.at,
        stripe_id=entry.stripe_id,
        order_id=None,
        item_ids=[],
        postings=[
            PostingView(
                account=posting.account,
                amount=MoneyView(amount_minor=posting.amount_minor, currency=posting.currency),
            )
            for posting in entry.postings
        ],
    )
