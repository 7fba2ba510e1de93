"""I3, I4, I5: what Stripe took is what we know of, once."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.checker.evidence import Evidence, Row, order_named
from tests.chaos.checker.findings import Line
from tests.chaos.checker.ledger import look_at_the_ledger

# Account and currency.
Purse = tuple[str, str]


def i3_one_charge_per_period(evidence: Evidence) -> Line:
    """One order is paid on one page; one period of a subscription is charged once."""
    line = Line("I3", "at most one charge per order and per period", settled=evidence.settled)
    stripe = evidence.stripe
    pages = Counter(order for session in stripe.paid_sessions if (order := order_named(session)))
    periods = Counter(key for invoice in stripe.invoices if invoice["status"] == "paid" for key in _periods(invoice))
    captures = Counter(
        stripe.invoice_of_intent[charge["payment_intent"]]
        for charge in stripe.charges
        if _captured(charge) and charge["payment_intent"] in stripe.invoice_of_intent
    )
    line.counted = f"{sum(pages.values())} paid pages, {len(periods)} paid periods, {sum(captures.values())} captures"
    line.breaks("orders paid on more than one page", [order for order, times in pages.items() if times > 1])
    line.breaks(
        "subscription periods with more than one paid invoice",
        [f"{subscription} from {start}" for (subscription, start), times in periods.items() if times > 1],
    )
    line.breaks(
        "invoices charged more than once",
        [
            f"{invoice} of {stripe.order_of_invoice.get(invoice, 'no order')}"
            for invoice, times in captures.items()
            if times > 1
        ],
    )
    return line


def i4_the_sums_agree(evidence: Evidence) -> Line:
    """Compared per account and currency: what was captured with the invoices paid here, and what is left of it after
    refunds with the payments kept here."""
    line = Line("I4", "captures less refunds at Stripe are the invoices and payments here", settled=evidence.settled)
    captured, kept, invoiced, noted = (defaultdict[Purse, int](int) for _ in range(4))
    strangers = 0
    for charge in evidence.stripe.charges:
        account = evidence.stripe.account_of.get(charge["customer"])
        if not _captured(charge):
            continue
        if account is None:
            strangers += 1
            continue
        purse = (account, charge["currency"].upper())
        captured[purse] += charge["amount_captured"]
        kept[purse] += charge["amount_captured"] - charge["amount_refunded"]
    for invoice in evidence.invoices.values():
        if invoice["status"] == "paid":
            invoiced[(invoice["account_id"], invoice["currency"].upper())] += invoice["amount_paid_minor"]
    for payment in evidence.payments.values():
        if payment["status"] == "succeeded":
            noted[(str(payment["account_id"]), payment["currency"].upper())] += (
                payment["amount_minor"] - payment["refunded_minor"]
            )
    totals: Counter[str] = Counter()
    for (_, currency), amount in kept.items():
        totals[currency] += amount
    sums = ", ".join(f"{currency} {amount}" for currency, amount in sorted(totals.items())) or "no money yet"
    apart = f", {strangers} captures of others' customers left out" if strangers else ""
    line.counted = f"{sums} in minor units over {len(captured)} purses{apart}"
    line.lacks("captured at Stripe and invoiced here differ", _differences(captured, invoiced))
    line.lacks("kept at Stripe and noted here differ", _differences(kept, noted))
    line.counted += f"; ledger: {look_at_the_ledger(evidence, line)}"
    tables = {f"{schema}.{table}" for schema, table, _ in evidence.columns if "ledger" in table}
    ledgers = sorted(tables - {"billing.ledger_backfill"})
    line.breaks("a ledger exists and this check does not read it", ledgers)
    return line


def i5_stripe_is_visible_here(evidence: Evidence) -> Line:
    """Charges, refunds, disputes, paid invoices and subscriptions of our customers, as Stripe itself lists them."""
    line = Line("I5", "every payment, refund and dispute at Stripe is visible here", settled=evidence.settled)
    stripe = evidence.stripe
    ours = [charge for charge in stripe.charges if charge["customer"] in stripe.account_of]
    disputes = [row["data"]["object"] for row in stripe.events if row["type"].startswith("charge.dispute.")]
    line.counted = (
        f"{len(ours)} charges, {len(stripe.refunds)} refunds, {len({row['id'] for row in disputes})} disputes"
    )
    line.lacks("charges that are not shown as they are", [row["id"] for row in ours if not _shown(evidence, row)])
    line.breaks(
        "charges shown under an order they did not pay",
        [
            f"{row['id']} shown under {shown['order_id']}, paid {paid}"
            for row in ours
            if (shown := evidence.payments.get(row["id"])) is not None
            and shown["order_id"] is not None
            and (paid := stripe.order_of_invoice.get(stripe.invoice_of_intent.get(row["payment_intent"], "")))
            is not None
            and shown["order_id"] != paid
        ],
    )
    refunded: Counter[str] = Counter()
    for refund in stripe.refunds:
        refunded[refund["charge"]] += refund["amount"] if refund["status"] in ("succeeded", "pending") else 0
    customers = {charge["id"]: charge["customer"] for charge in stripe.charges}
    line.lacks(
        "charges whose refunds are not shown",
        [
            charge
            for charge, amount in refunded.items()
            if customers.get(charge) in stripe.account_of
            and (evidence.payments.get(charge) or {}).get("refunded_minor") != amount
        ],
    )
    line.lacks(
        "disputes that are not shown",
        sorted(
            {
                row["id"]
                for row in disputes
                if (evidence.payments.get(row["charge"]) or {}).get("dispute_status") is None
            }
        ),
    )
    line.lacks(
        "paid invoices that are not shown",
        [
            row["id"]
            for row in stripe.invoices
            if row["status"] == "paid"
            and row["customer"] in stripe.account_of
            and (evidence.invoices.get(row["id"]) or {}).get("status") != "paid"
        ],
    )
    line.lacks(
        "subscriptions that are not shown as they are",
        [
            row["id"]
            for row in stripe.subscriptions
            if row["customer"] in stripe.account_of
            and (evidence.subscriptions.get(row["id"]) or {}).get("status") != row["status"]
        ],
    )
    line.lacks(
        "paid pages whose order shows no money", [row["id"] for row in stripe.paid_sessions if _unseen(evidence, row)]
    )
    return line


def _captured(charge: Row) -> bool:
    return bool(charge["status"] == "succeeded" and charge["captured"])


def _shown(evidence: Evidence, charge: Row) -> bool:
    shown = evidence.payments.get(charge["id"])
    return (
        shown is not None
        and shown["status"] == charge["status"]
        and shown["amount_minor"] == charge["amount"]
        and shown["currency"].upper() == charge["currency"].upper()
        and shown["account_id"] == evidence.stripe.account_of[charge["customer"]]
    )


def _unseen(evidence: Evidence, session: Row) -> bool:
    """Money named after an order of ours and noted nowhere: not as its payment, and not before a person either."""
    order = order_named(session)
    if order not in evidence.orders:
        return False
    return not evidence.money_of.get(order) and session["id"] not in evidence.parked_objects


def _periods(invoice: Row) -> Iterator[tuple[str, int]]:
    """The subscription periods an invoice charges for; corrections of earlier periods are not charges for them."""
    found = set()
    for item in invoice["lines"]["data"]:
        details = (item.get("parent") or {}).get("subscription_item_details") or {}
        if details.get("subscription_item") and not details.get("proration"):
            found.add((str(details["subscription"]), int(item["period"]["start"])))
    yield from found


def _differences(there: dict[Purse, int], here: dict[Purse, int]) -> list[str]:
    return [
        f"{account} {currency}: {there.get((account, currency), 0)} there, {here.get((account, currency), 0)} here"
        for account, currency in sorted({*there, *here})
        if there.get((account, currency), 0) != here.get((account, currency), 0)
    ]
