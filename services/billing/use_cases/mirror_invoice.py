"""Invoices as they stand at Stripe, in any order of telling; a paid one is announced once."""

from services.billing.domain import Invoice, PaymentGroup
from services.billing.domain.facts import InvoiceFact, Stamp
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.loading import Loader
from services.billing.use_cases.payment_groups import RENEWALS, publish_renewal
from services.billing.use_cases.settle_checkout import settle_by_invoice
from shared.contracts.billing import InvoicePaid
from shared.database import UnitOfWork


async def mirror_invoice(work: UnitOfWork, loader: Loader, fact: InvoiceFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot. The invoice an order is paid with also settles its checkout."""
    settled = await settle_by_invoice(work, fact, stamp)
    account_id = loader.account(fact.customer_id)
    if account_id is None:
        return settled or Applied("ignored: not a customer of ours")
    invoice = loader.invoices[fact.stripe_invoice_id]
    renews = fact.reason in RENEWALS
    group = await loader.group(invoice.account_id, fact) if renews else None
    if group is not None:
        invoice.group_id = group.id
    if invoice.order_id is None:
        invoice.order_id = group.order_id if group else await loader.order(invoice.account_id, fact)
    # The time that is paid already, or free, is billed with nothing: no news to anybody.
    if invoice.mirror(fact, stamp) and invoice.amount_paid_minor:
        await _announce(work, loader, invoice, group, fact, stamp)
    outcome = f"invoice {invoice.status}" + (f"; checkout {settled.outcome}" if settled else "")
    return Applied(outcome, invoice.order_id)


async def _announce(
    work: UnitOfWork, loader: Loader, invoice: Invoice, group: PaymentGroup | None, fact: InvoiceFact, stamp: Stamp
) -> None:
    paid_at = invoice.paid_at or stamp.created
    if group is not None:
        item_ids = group.item_ids
        publish_renewal(work, group, fact, invoice_id=invoice.id, paid_at=paid_at)
    else:
        item_ids = await loader.item_ids(invoice.order_id) if invoice.order_id else ()
    work.publish(
        InvoicePaid(
            invoice_id=invoice.id,
            order_id=invoice.order_id,
            account_id=invoice.account_id,
            number=invoice.number or invoice.stripe_invoice_id,
            amount_minor=invoice.amount_paid_minor,
            currency=invoice.currency,
            hosted_invoice_url=invoice.hosted_invoice_url,
            item_ids=item_ids,
            paid_at=paid_at,
        )
    )
