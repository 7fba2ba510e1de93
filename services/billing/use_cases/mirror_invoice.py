"""Invoices as they stand at Stripe, in any order of telling; a paid one is announced once."""

from services.billing.domain.facts import InvoiceFact, Stamp
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.known import Known
from services.billing.use_cases.settle_checkout import settle_by_invoice
from shared.contracts.billing import InvoicePaid
from shared.database import UnitOfWork


async def mirror_invoice(work: UnitOfWork, known: Known, fact: InvoiceFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot. The first paid invoice of an order's subscription also settles its checkout."""
    settled = await settle_by_invoice(work, fact)
    account_id = known.account(fact.customer_id)
    if account_id is None:
        return settled or Applied("ignored: not a customer of ours")
    invoice = known.invoices[fact.stripe_invoice_id]
    if invoice.order_id is None:
        invoice.order_id = await known.order(invoice.account_id, fact)
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
