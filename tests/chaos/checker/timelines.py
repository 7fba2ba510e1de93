"""Everything known about one order, in time order."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.chaos.checker.evidence import Evidence, Row, order_named
from tests.chaos.checker.run import collect
from tests.chaos.checker.sources import Sources


@dataclass(frozen=True)
class _Happening:
    at: datetime
    place: str
    text: str


async def timeline(sources: Sources, order_id: str) -> list[str]:
    """One line per thing that happened to the order: in any schema, at Stripe, at the hypervisor, in the mails.

    Whatever is not finished is named at the end. An unknown order gives a single line saying so.
    """
    return tell(await collect(sources, settled=False), order_id)


def tell(evidence: Evidence, order_id: str) -> list[str]:
    """The timeline from evidence already in hand."""
    order = evidence.orders.get(order_id)
    if order is None:
        return [f"{order_id}: no such order in the catalogue"]
    ids = _ids(evidence, order_id)
    happenings = [
        *_catalog(evidence, order_id, ids),
        *_billing(evidence, ids),
        *_stripe(evidence, ids),
        *_facts(evidence, ids),
        *_provisioning(evidence, ids),
        *_mails(evidence, ids),
    ]
    happenings.sort(key=lambda one: one.at)
    head = f"{order_id} ({order['number']}): {order['status']}, {order['total_minor']} {order['currency']}"
    lines = [f"{one.at:%H:%M:%S.%f}"[:-3] + f"  {one.place:<22} {one.text}" for one in happenings]
    open_rows = [row for row in evidence.unfinished if row.state != "canceled" and _belongs(evidence, row.id, ids)]
    return [
        head,
        *lines,
        *(f"unfinished    {row.place:<22} {row.id} {row.state} {row.error or ''}" for row in open_rows),
    ]


def _belongs(evidence: Evidence, row_id: str, ids: set[str]) -> bool:
    facts = {fact.id for fact in (*evidence.outbox, *evidence.inbox) if ids & _words(fact.data)}
    return row_id in ids or row_id in facts


def _ids(evidence: Evidence, order_id: str) -> set[str]:
    """Everything that carries this order on: checkout, pages, subscription, invoices, charges, services, jobs."""
    ids = {order_id}
    stripe = evidence.stripe
    for rows, keys in (
        (evidence.items, ("id",)),
        (evidence.entitlements.values(), ("id", "service_id")),
        (evidence.resources.values(), ("id",)),
        (evidence.checkouts, ("id", "stripe_session_id")),
        (evidence.invoices.values(), ("id", "stripe_invoice_id")),
        (evidence.payments.values(), ("reference",)),
    ):
        ids |= {str(row[key]) for row in rows if row["order_id"] == order_id for key in keys if row[key]}
    for session in stripe.sessions:
        if order_named(session) == order_id:
            ids |= {value for key in ("id", "subscription", "invoice") if (value := session.get(key))}
    ids |= {invoice for invoice, named in stripe.order_of_invoice.items() if named == order_id}
    intents = {intent for intent, invoice in stripe.invoice_of_intent.items() if invoice in ids}
    ids |= intents | {charge["id"] for charge in stripe.charges if charge["payment_intent"] in intents}
    ids |= {row["id"] for row in evidence.jobs if row["resource_id"] in ids}
    return ids


def _words(value: Any) -> set[str]:
    """Every text anywhere inside."""
    if isinstance(value, dict):
        return set().union(*(_words(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(_words(inner) for inner in value))
    return {value} if isinstance(value, str) else set()


def _history(place: str, rows: list[Row], column: str, ids: set[str]) -> Iterator[_Happening]:
    for row in rows:
        if row[column] in ids:
            reason = f": {row['reason']}" if row["reason"] else ""
            yield _Happening(row["at"], place, f"{row['verb']} {row[column]} by {row['by']}{reason}")


def _catalog(evidence: Evidence, order_id: str, ids: set[str]) -> Iterator[_Happening]:
    yield from _history("catalog order", evidence.order_history, "order_id", ids)
    yield from _history("catalog entitlement", evidence.tables["catalog.entitlement_history"], "entitlement_id", ids)
    for row in evidence.money_of.get(order_id, []):
        text = f"{row['outcome']} {row['amount_minor']} {row['currency']} {row['reason'] or ''}"
        yield _Happening(row["paid_at"], "catalog payment", text)


def _billing(evidence: Evidence, ids: set[str]) -> Iterator[_Happening]:
    yield from _history("billing checkout", evidence.checkout_history, "checkout_id", ids)
    for row in evidence.stripe_events.values():
        if row["order_id"] in ids or row["object_id"] in ids:
            event = f"{row['id']} {row['type']}"
            yield _Happening(row["received_at"], "billing event stored", event)
            if row["finished_at"]:
                outcome = f"{event}: {row['state']}, {row['outcome']}, attempt {row['attempts']}"
                yield _Happening(row["finished_at"], "billing event done", outcome)


def _stripe(evidence: Evidence, ids: set[str]) -> Iterator[_Happening]:
    stripe = evidence.stripe
    for kind, rows in (("page", stripe.sessions), ("invoice", stripe.invoices), ("charge", stripe.charges)):
        for row in rows:
            if row["id"] in ids:
                amount = row.get("amount_total", row.get("amount_paid", row.get("amount")))
                text = f"{kind} {row['id']} {row['status']} {amount} {row['currency']} of {row['customer']}"
                yield _Happening(_moment(row["created"]), "Stripe", text)
    events = {row["id"]: row for row in stripe.events}
    for row in stripe.deliveries:
        event = events.get(row["event_id"])
        if event is not None and ids & _words(event["data"]["object"]):
            for attempt in row["log"]:
                text = f"{row['event_id']} {row['type']} {attempt['kind']}: {attempt['status'] or attempt['error']}"
                yield _Happening(_moment(attempt["sent_at"]), "Stripe delivery", text)


def _facts(evidence: Evidence, ids: set[str]) -> Iterator[_Happening]:
    for place, facts in (("outbox", evidence.outbox), ("inbox", evidence.inbox)):
        for fact in facts:
            if ids & _words(fact.data):
                text = f"{fact.type} {fact.id} {fact.state}"
                yield _Happening(fact.created_at, f"{fact.schema} {place}", text)


def _provisioning(evidence: Evidence, ids: set[str]) -> Iterator[_Happening]:
    yield from _history("provisioning service", evidence.resource_history, "resource_id", ids)
    for step in evidence.tables["provisioning.job_steps"]:
        if step["job_id"] in ids and step["started_at"]:
            text = f"{step['name']} {step['state']}, try {step['tries']} {step['detail'] or ''}"
            yield _Happening(step["finished_at"] or step["started_at"], "provisioning step", text)
    for machine in evidence.machines:
        if machine.reference in ids:
            power = "running" if machine.running else "stopped"
            text = f"machine {machine.vmid} {machine.name} {power} carries {machine.reference}"
            yield _Happening(_moment(machine.created_at), "hypervisor", text)


def _mails(evidence: Evidence, ids: set[str]) -> Iterator[_Happening]:
    mine = {row["id"]: row for row in evidence.notifications if row["dedupe_key"].split(":")[1] in ids}
    for row in mine.values():
        yield _Happening(row["created_at"], "support mail", f"{row['id']} {row['template']} {row['state']}")
    for mails in evidence.mails.values():
        for mail in mails:
            if mail["message_id"].strip("<>").partition("@")[0] in mine:
                text = f"{mail['subject']} ({mail['deliveries']} deliveries)"
                yield _Happening(datetime.fromisoformat(mail["received_at"]), "mailbox", text)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
