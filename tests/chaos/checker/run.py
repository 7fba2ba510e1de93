"""All promises, checked once."""

import httpx

from tests.chaos.checker import books, charging, delivery, handling, ledger, money, suspension
from tests.chaos.checker.database import Snapshot, read_database
from tests.chaos.checker.evidence import Evidence, Machine, Stripe
from tests.chaos.checker.findings import Report
from tests.chaos.checker.outside import read_listeners, read_machines, read_mails, read_stripe
from tests.chaos.checker.sources import Sources

_PROMISES = (
    delivery.i1_paid_items_have_their_machine,
    delivery.i2_no_machine_without_payment,
    money.i3_one_charge_per_period,
    money.i4_the_sums_agree,
    money.i5_stripe_is_visible_here,
    ledger.i6_credit,
    delivery.i7_active_means_running,
    suspension.i8_suspension,
    handling.i9_no_key_is_consumed_by_a_failure,
    handling.i10_facts_arrive_as_published,
    *books.LINES,
    charging.b10_what_lives_is_charged,
)


async def check(sources: Sources, *, settled: bool = True) -> Report:
    """Read everything and judge it. Read-only.

    With `settled`, everything that was begun must also be finished. Without, only what can be right at no moment
    counts as broken: two machines for one service, a delivery nobody paid for, a fact nobody published.
    """
    evidence = await collect(sources, settled=settled)
    return Report(tuple(promise(evidence) for promise in _PROMISES))


async def collect(sources: Sources, *, settled: bool = True) -> Evidence:
    """One look at every source. Machines first and Stripe last: an effect is read before its cause, so that what is in
    flight meanwhile never looks like an effect without one. What is read the other way round is judged only settled."""
    async with httpx.AsyncClient(timeout=60) as client:
        machines = await read_machines(client, sources)
        found = await read_database(sources.database_url)
        mails = await read_mails(client, sources, (row["recipient"] for row in found.tables["support.notifications"]))
        stripe = await read_stripe(client, sources)
    return _evidence(found, machines, stripe, mails, settled=settled)


def _evidence(
    found: Snapshot,
    machines: list[Machine],
    stripe: Stripe,
    mails: dict[str, list[dict[str, object]]],
    *,
    settled: bool,
) -> Evidence:
    table = found.tables

    def by(name: str, key: str) -> dict[str, dict[str, object]]:
        return {str(row[key]): row for row in table[name]}

    return Evidence(
        settled=settled,
        taken_at=found.taken_at,
        orders=by("catalog.orders", "id"),
        items=table["catalog.order_items"],
        entitlements=by("catalog.entitlements", "id"),
        order_payments=table["catalog.payments"],
        order_history=table["catalog.order_history"],
        prices=by("catalog.prices", "id"),
        checkouts=table["billing.checkouts"],
        checkout_history=table["billing.checkout_history"],
        closed_orders=table["billing.closed_orders"],
        payers=table["billing.payers"],
        plans=by("billing.plans", "id"),
        payments=by("billing.payments", "reference"),
        invoices=by("billing.invoices", "stripe_invoice_id"),
        subscriptions=by("billing.subscriptions", "stripe_subscription_id"),
        stripe_events=by("billing.stripe_events", "id"),
        resources=by("provisioning.resources", "id"),
        resource_history=table["provisioning.resource_history"],
        jobs=table["provisioning.jobs"],
        notifications=table["support.notifications"],
        contacts=table["support.contacts"],
        tickets=table["support.tickets"],
        outbox=found.outbox,
        inbox=found.inbox,
        unfinished=found.unfinished,
        columns=found.columns,
        listeners=read_listeners(),
        machines=machines,
        stripe=stripe,
        mails=mails,
        tables=table,
    )
