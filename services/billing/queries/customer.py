"""What an account sees of its money. The one owner filter is here, and it demands the caller."""

from typing import TypeVar

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.billing.domain import Invoice, PaymentGroup
from services.billing.domain.payment_group import NEVER
from services.billing.domain.subscription import ENDED
from shared.contracts.reads.base import MoneyView, Page
from shared.contracts.reads.billing import InvoiceView, SubscriptionView
from shared.kernel import NotFound, Principal
from shared.web.access import account_of
from shared.web.pagination import PageRequest, page_of

Owned = TypeVar("Owned", Invoice, PaymentGroup)


def _owned(kind: type[Owned], caller: Principal) -> Select[Owned]:
    return select(kind).where(kind.account_id == account_of(caller))


async def list_invoices(session: AsyncSession, caller: Principal, page: PageRequest) -> Page[InvoiceView]:
    """The caller's account's invoices, newest first; a draft is nothing a customer should see."""
    # Stripe bills the time that is paid already with an invoice of nothing when a subscription starts.
    statement = _owned(Invoice, caller).where(Invoice.status != "draft", Invoice.total_minor != 0)
    return await page_of(session, statement, Invoice.id, page, invoice_view)


async def get_invoice(session: AsyncSession, caller: Principal, invoice_id: str) -> InvoiceView:
    """One invoice of the caller's account. Raises NotFound for anybody else's."""
    statement = _owned(Invoice, caller).where(Invoice.status != "draft", Invoice.id == invoice_id)
    invoice = (await session.execute(statement)).scalar_one_or_none()
    if invoice is None:
        raise NotFound("There is no invoice with this id.")
    return invoice_view(invoice)


async def list_subscriptions(session: AsyncSession, caller: Principal, page: PageRequest) -> Page[SubscriptionView]:
    """What renews for the caller's account, newest first."""
    statement = _owned(PaymentGroup, caller).where(*_RENEWING)
    return await page_of(session, statement, PaymentGroup.id, page, subscription_view)


async def subscriptions_of_order(session: AsyncSession, order_id: str) -> list[SubscriptionView]:
    """What renews of one order, for staff."""
    statement = select(PaymentGroup).where(PaymentGroup.order_id == order_id, *_RENEWING).order_by(PaymentGroup.id)
    return [subscription_view(group) for group in (await session.execute(statement)).scalars()]


_RENEWING = (PaymentGroup.paid_at.is_not(None), PaymentGroup.starts != NEVER)


def invoice_view(invoice: Invoice) -> InvoiceView:
    """An invoice as its account sees it."""
    return InvoiceView(
        id=invoice.id,
        number=invoice.number,
        status=invoice.status,
        order_id=invoice.order_id,
        total=MoneyView(amount_minor=invoice.total_minor, currency=invoice.currency),
        amount_paid=MoneyView(amount_minor=invoice.amount_paid_minor, currency=invoice.currency),
        currency=invoice.currency,
        created_at=invoice.created_at,
        paid_at=invoice.paid_at,
        hosted_invoice_url=invoice.hosted_invoice_url,
        pdf_url=invoice.pdf_url,
    )


def subscription_view(group: PaymentGroup) -> SubscriptionView:
    """What renews together. Nothing is charged any more once an end is planned; that Stripe counts the time which is
    paid for already as a trial concerns nobody else."""
    over = group.status in ENDED or group.ends_at is not None
    return SubscriptionView(
        id=group.id,
        order_id=group.order_id,
        interval=group.interval,
        status="active" if group.status == "trialing" else group.status,
        total=MoneyView(amount_minor=group.total_minor, currency=group.currency),
        item_ids=list(group.item_ids),
        next_charge_at=None if over else group.period_end,
        ends_at=group.ends_at,
    )
