"""Invoices as they stand at Stripe, in any order of telling; a paid one is announced once."""

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from services.billing.domain import Checkout, Invoice, Payer
from services.billing.domain.facts import InvoiceFact, Stamp
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.settle_checkout import settle_by_invoice
from shared.contracts.billing import InvoicePaid
from shared.database import UnitOfWork
from shared.kernel import new_id


async def mirror_invoice(work: UnitOfWork, fact: InvoiceFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot. The first paid invoice of an order's subscription also settles its checkout."""
    settled = await settle_by_invoice(work, fact)
    account_id = await account_of_customer(work, fact.customer_id)
    if account_id is None:
        return settled or Applied("ignored: not a customer of ours")
    order_id = await order_of(work, account_id, fact.order_hint, fact.subscription_id)
    await work.session.execute(
        insert(Invoice)
        .values(
            id=new_id("inv"),
            stripe_invoice_id=fact.stripe_invoice_id,
            account_id=account_id,
            order_id=order_id,
            stripe_subscription_id=fact.subscription_id,
            currency=fact.currency,
            created_at=fact.created_at,
            as_of=stamp.created,
        )
        .on_conflict_do_nothing(index_elements=[Invoice.stripe_invoice_id])
    )
    statement = select(Invoice).where(Invoice.stripe_invoice_id == fact.stripe_invoice_id).with_for_update()
    invoice = (await work.session.execute(statement)).scalar_one()
    invoice.order_id = invoice.order_id or order_id
    if invoice.mirror(fact, stamp):
        work.publish(
            InvoicePaid(
                invoice_id=invoice.id,
                order_id=invoice.order_id,
                account_id=invoice.account_id,
                number=invoice.number or invoice.stripe_invoice_id,
                amount_minor=invoice.amount_paid_minor,
                currency=invoice.currency,
                hosted_invoice_url=invoice.hosted_invoice_url,
                paid_at=invoice.paid_at or stamp.created,
            )
        )
    outcome = f"invoice {invoice.status}" + (f"; checkout {settled.outcome}" if settled else "")
    return Applied(outcome, invoice.order_id)


async def account_of_customer(work: UnitOfWork, customer_id: str | None) -> str | None:
    """The account Stripe knows by this customer id; None for customers of others."""
    if customer_id is None:
        return None
    statement = select(Payer.account_id).where(Payer.stripe_customer_id == customer_id)
    return (await work.session.execute(statement)).scalar_one_or_none()


async def order_of(
    work: UnitOfWork, account_id: str, order_hint: str | None, subscription_id: str | None
) -> str | None:
    """The account's own order behind an invoice or subscription; a hint at somebody else's order is no order."""
    ways = []
    if order_hint is not None:
        ways.append(Checkout.order_id == order_hint)
    if subscription_id is not None:
        ways.append(Checkout.stripe_subscription_id == subscription_id)
    if not ways:
        return None
    statement = select(Checkout.order_id).where(Checkout.account_id == account_id, or_(*ways)).limit(1)
    return (await work.session.execute(statement)).scalar_one_or_none()
