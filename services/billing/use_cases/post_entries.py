"""What Stripe's facts moved goes into the ledger, in the transaction that mirrors them; refunds and disputes are told.

Entries are made from what the mirrors show, which is the same whatever order the facts came in.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import ARRAY, BigInteger, DateTime, String, Uuid, any_, bindparam, literal, select, text

from services.billing.domain import (
    Dispute,
    Draft,
    Invoice,
    Payment,
    Refund,
    dispute_drafts,
    invoice_drafts,
    payment_drafts,
    refund_drafts,
)
from services.billing.domain.dispute import CLOSED
from services.billing.use_cases.payment_groups import item_ids_of_order
from shared.contracts.billing import DisputeClosed, DisputeOpened, RefundSucceeded
from shared.database import UnitOfWork
from shared.kernel.ids import uuid7

_ORDER_IS_NAMED_WITHIN = timedelta(minutes=10)
_TOLD_AT_ONCE = 100
# One statement: at its end the database looks whether each entry balances. An entry that is there already, made by
# whoever heard of the same thing first, keeps its postings.
_WRITE = text(
    """
    WITH added AS (
        INSERT INTO entries (id, kind, stripe_id, at, charge, invoice)
        SELECT * FROM unnest(:ids, :kinds, :stripe_ids, :ats, :charges, :invoices)
        ON CONFLICT ON CONSTRAINT uq_entries_fact DO NOTHING RETURNING id
    ), moved AS (
        INSERT INTO postings (entry_id, account, currency, amount_minor)
        SELECT posting.* FROM unnest(:entry_ids, :accounts, :currencies, :amounts)
            AS posting (entry_id, account, currency, amount_minor) JOIN added ON added.id = posting.entry_id
    )
    SELECT count(*) FROM added
    """
).bindparams(
    *(bindparam(name, type_=ARRAY(Uuid)) for name in ("ids", "entry_ids")),
    *(
        bindparam(name, type_=ARRAY(String))
        for name in ("kinds", "stripe_ids", "charges", "invoices", "accounts", "currencies")
    ),
    bindparam("ats", type_=ARRAY(DateTime(timezone=True))),
    bindparam("amounts", type_=ARRAY(BigInteger)),
)


async def post_entries(work: UnitOfWork, payments: Sequence[Payment], invoices: Sequence[Invoice]) -> None:
    """Books what these mirrors show and is not booked yet. Money of customers who are not ours is not in our books."""
    ours = {payment.reference: payment for payment in payments if payment.account_id is not None}
    drafts = [draft for invoice in invoices for draft in invoice_drafts(invoice)]
    drafts += [draft for payment in ours.values() for draft in payment_drafts(payment)]
    refunds, disputes = await _about(work, ours)
    for refund in refunds:
        payment = ours[refund.charge]
        drafts += refund_drafts(refund, payment.refunds_booked_until)
        await announce_refund(work, refund, payment)
    for dispute in disputes:
        payment = ours[dispute.charge]
        drafts += dispute_drafts(dispute, payment.disputes_booked_until)
        await announce_dispute(work, dispute, payment)
    await write(work, drafts)


async def write(work: UnitOfWork, drafts: Iterable[Draft]) -> int:
    """Writes the entries that are not there yet; says how many."""
    wanted = {(draft.kind, draft.stripe_id): draft for draft in drafts if draft.moves}
    if not wanted:
        return 0
    entries = [(uuid7(), draft) for _name, draft in sorted(wanted.items())]
    moves = [(key, draft, account, amount) for key, draft in entries for account, amount in draft.moves.items()]
    given = {
        "ids": [key for key, _draft in entries],
        "kinds": [str(draft.kind) for _key, draft in entries],
        "stripe_ids": [draft.stripe_id for _key, draft in entries],
        "ats": [draft.at for _key, draft in entries],
        "charges": [draft.charge for _key, draft in entries],
        "invoices": [draft.invoice for _key, draft in entries],
        "entry_ids": [key for key, _draft, _account, _amount in moves],
        "accounts": [str(account) for _key, _draft, account, _amount in moves],
        "currencies": [draft.currency for _key, draft, _account, _amount in moves],
        "amounts": [amount for _key, _draft, _account, amount in moves],
    }
    return int((await work.session.execute(_WRITE, given)).scalar_one())


async def _about(work: UnitOfWork, ours: dict[str, Payment]) -> tuple[list[Refund], list[Dispute]]:
    """The refunds and disputes of these charges."""
    if not ours:
        return [], []
    charges = any_(literal(sorted(ours), ARRAY(String())))
    # Locked, so that nobody tells of them at the same time.
    of_refunds = select(Refund).where(Refund.charge == charges).with_for_update()
    of_disputes = select(Dispute).where(Dispute.charge == charges).with_for_update()
    refunds = (await work.session.execute(of_refunds)).scalars()
    return list(refunds), list((await work.session.execute(of_disputes)).scalars())


async def announce_refund(work: UnitOfWork, refund: Refund, payment: Payment, *, for_no_order: bool = False) -> None:
    """Tells once that money went back. The order is waited for, unless it is known that there is none."""
    if refund.status != "succeeded" or refund.announced_at is not None or payment.account_id is None:
        return
    if payment.order_id is None and not for_no_order:
        return
    refund.announced_at = work.clock.now()
    work.publish(
        RefundSucceeded(
            refund_id=refund.id,
            order_id=payment.order_id,
            account_id=payment.account_id,
            item_ids=await _items_of(work, payment),
            amount_minor=refund.amount_minor,
            currency=refund.currency,
            refunded_at=refund.as_of,
        )
    )


async def announce_dispute(work: UnitOfWork, dispute: Dispute, payment: Payment, *, for_no_order: bool = False) -> None:
    """Tells once that a dispute was opened, and once that it is decided. The order is waited for, as for a refund."""
    if payment.account_id is None or (payment.order_id is None and not for_no_order):
        return
    opens = dispute.opened_announced_at is None
    closes = dispute.status in CLOSED and dispute.closed_announced_at is None
    if not opens and not closes:
        return
    about = {
        "dispute_id": dispute.id,
        "order_id": payment.order_id,
        "account_id": payment.account_id,
        "item_ids": await _items_of(work, payment),
    }
    if opens:
        dispute.opened_announced_at = work.clock.now()
        work.publish(
            DisputeOpened(
                **about,
                amount_minor=dispute.amount_minor,
                currency=dispute.currency,
                reason=dispute.reason,
                opened_at=dispute.created_at,
            )
        )
    if closes:
        dispute.closed_announced_at = work.clock.now()
        work.publish(DisputeClosed(**about, outcome=dispute.status, closed_at=dispute.closed_at or dispute.as_of))


async def _items_of(work: UnitOfWork, payment: Payment) -> tuple[str, ...]:
    return await item_ids_of_order(work, payment.order_id) if payment.order_id is not None else ()


async def announce_for_no_order(work: UnitOfWork) -> None:
    """Tells of refunds and disputes whose charge has named no order for a while (a clock job): it has none."""
    before = work.clock.now() - _ORDER_IS_NAMED_WITHIN
    refunds = (
        select(Refund, Payment)
        .join(Payment, Payment.reference == Refund.charge)
        .where(Refund.waits_to_be_told(), Refund.as_of < before, Payment.account_id.is_not(None))
        .with_for_update(of=Refund, skip_locked=True)
    )
    for refund, payment in (await work.session.execute(refunds.limit(_TOLD_AT_ONCE))).tuples():
        await announce_refund(work, refund, payment, for_no_order=True)
    disputes = (
        select(Dispute, Payment)
        .join(Payment, Payment.reference == Dispute.charge)
        .where(Dispute.waits_to_be_told(), Dispute.as_of < before, Payment.account_id.is_not(None))
        .with_for_update(of=Dispute, skip_locked=True)
    )
    for dispute, payment in (await work.session.execute(disputes.limit(_TOLD_AT_ONCE))).tuples():
        await announce_dispute(work, dispute, payment, for_no_order=True)
