"""What billing promises, as queries that find what breaks it, and a look at Stripe's own list. Read once a minute."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from services.billing.adapters.payments import PaymentProvider, ProviderFailure
from services.billing.domain import StripeEvent
from shared.database import Database
from shared.web.invariants import Invariant, Probe, PromiseWatch, stuck_facts, told_twice

INVARIANTS: tuple[Invariant, ...] = (
    stuck_facts(),
    told_twice(
        "billing.checkout.paid.v1",
        "billing.payment.mismatched.v1",
        "billing.invoice.paid.v1",
        "billing.refund.succeeded.v1",
        "billing.dispute.opened.v1",
        "billing.dispute.closed.v1",
        "billing.subscription.started.v1",
        "billing.subscription.rescheduled.v1",
    ),
    Invariant(
        "I3",
        "two_invoices_for_one_period",
        # The shortest period is a month.
        """
        SELECT later.stripe_subscription_id FROM invoices AS later JOIN invoices AS earlier
          ON earlier.order_id = later.order_id AND earlier.id < later.id
          AND earlier.stripe_subscription_id = later.stripe_subscription_id
        WHERE later.id > :since AND later.status = 'paid' AND earlier.status = 'paid'
          AND later.amount_paid_minor > 0 AND earlier.amount_paid_minor > 0
          AND later.created_at < earlier.created_at + interval '20 days'
        """,
    ),
    Invariant(
        "I4",
        "paid_without_invoice",
        """
        SELECT checkout.order_id FROM checkouts AS checkout
        WHERE checkout.id > :since AND checkout.status = 'paid' AND checkout.paid_at < :until_at
          AND NOT EXISTS (
            SELECT FROM invoices AS invoice
            WHERE invoice.order_id = checkout.order_id AND invoice.status = 'paid'
              AND invoice.amount_paid_minor = checkout.total_minor AND invoice.currency = checkout.currency)
        """,
        prefix="ord",
    ),
    Invariant(
        "I4",
        "entry_out_of_balance",
        """
        SELECT entry.id FROM entries AS entry LEFT JOIN LATERAL (
          SELECT count(*) AS number, bool_and(total = 0) AS balanced
          FROM (SELECT sum(amount_minor) AS total FROM postings WHERE entry_id = entry.id GROUP BY currency) AS sums
        ) AS found ON true
        WHERE entry.id > :since AND (found.number = 0 OR NOT found.balanced)
        """,
        prefix="led",
    ),
    Invariant(
        "I4",
        "clearing_and_charge_differ",
        # What our balance at Stripe got and gave for a charge, and what the mirrors say: captured, less refunded, less
        # disputed. Where older refunds or disputes were booked as one sum, the mirrors do not know them one by one.
        """
        SELECT capture.charge FROM entries AS capture JOIN payments AS payment ON payment.reference = capture.charge
        WHERE capture.id > :since AND capture.id < :until AND capture.kind = 'capture'
          AND payment.refunds_booked_until IS NULL AND payment.disputes_booked_until IS NULL
          AND payment.amount_minor
            - coalesce((SELECT sum(amount_minor) FROM refunds
                        WHERE charge = capture.charge AND returned_at IS NULL), 0)
            - coalesce((SELECT sum(amount_minor) FROM disputes
                        WHERE charge = capture.charge AND withdrawn_at IS NOT NULL AND reinstated_at IS NULL), 0)
          <> (SELECT sum(posting.amount_minor)
              FROM entries AS entry JOIN postings AS posting ON posting.entry_id = entry.id
              WHERE entry.charge = capture.charge AND entry.kind <> 'fee' AND posting.account = 'stripe_clearing')
        """,
    ),
    Invariant(
        "I4",
        "paid_invoice_not_settled",
        """
        SELECT invoice.id FROM invoices AS invoice
        WHERE invoice.id > :since AND invoice.id < :until AND invoice.status = 'paid' AND invoice.total_minor <> 0
          AND coalesce((
            SELECT sum(posting.amount_minor)
            FROM entries AS entry JOIN postings AS posting ON posting.entry_id = entry.id
            WHERE entry.invoice = invoice.stripe_invoice_id AND posting.account = 'receivables'), 1) <> 0
          AND NOT EXISTS (SELECT FROM ledger_backfill WHERE done_at IS NULL)
        """,
        prefix="inv",
    ),
    Invariant(
        "I5",
        "charge_not_booked",
        # Whoever settled an order with this charge was told of it; the ledger must know it as well.
        """
        SELECT invoice.id FROM invoices AS invoice
        JOIN payments AS payment ON payment.order_id = invoice.order_id
        WHERE invoice.id > :since AND invoice.id < :until AND payment.status = 'succeeded'
          AND payment.account_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM entries WHERE kind = 'capture' AND stripe_id = payment.reference)
          AND NOT EXISTS (SELECT FROM ledger_backfill WHERE done_at IS NULL)
        """,
        prefix="inv",
    ),
    Invariant(
        "I5",
        "money_and_checkout_differ",
        # Only as many checkouts are open as people are paying right now.
        """
        SELECT checkout.order_id FROM checkouts AS checkout
        WHERE checkout.status = 'open' AND EXISTS (
          SELECT FROM invoices AS invoice
          WHERE invoice.order_id = checkout.order_id AND invoice.status = 'paid' AND invoice.created_at < :until_at)
        """,
        prefix="ord",
    ),
    Invariant(
        "I9",
        "event_handled_without_effect",
        """
        SELECT recent.id
        FROM (
          SELECT id, object_id, state, payload FROM stripe_events
          WHERE type = 'checkout.session.completed' ORDER BY seq DESC LIMIT 2000
        ) AS recent JOIN checkouts AS checkout ON checkout.stripe_session_id = recent.object_id
        WHERE recent.state = 'done' AND checkout.status = 'open'
          AND recent.payload::jsonb #>> '{data,object,payment_status}' = 'paid'
        """,
    ),
)

# Old enough for delivery and sweep to have brought it here, recent enough for one or two pages.
_OLDEST, _NEWEST = timedelta(minutes=25), timedelta(minutes=10)
_PAGE = 100
_PAGES = 5


def promise_watch(database: Database, payments: PaymentProvider, *, livemode: bool) -> PromiseWatch:
    """Everything billing watches."""

    async def events_not_here() -> Sequence[str] | None:
        return await missing_events(database, payments, livemode=livemode)

    return PromiseWatch("billing", database, INVARIANTS, [Probe("I5", "event_not_here", events_not_here)])


async def missing_events(database: Database, payments: PaymentProvider, *, livemode: bool) -> list[str] | None:
    """Events that Stripe lists and we never stored, some minutes after they were made. None while Stripe is away."""
    now = database.clock.now()
    listed: list[str] = []
    after: str | None = None
    for _ in range(_PAGES):
        try:
            page = await payments.list_events(since=now - _OLDEST, until=now - _NEWEST, after=after, limit=_PAGE)
        except ProviderFailure:
            return None
        listed += [str(event["id"]) for event in page if event.get("livemode") is livemode]
        if len(page) < _PAGE:
            break
        after = str(page[-1]["id"])
    if not listed:
        return []
    async with database.read() as session:
        stored = set(await session.scalars(select(StripeEvent.id).where(StripeEvent.id.in_(listed))))
    return [event for event in listed if event not in stored]
