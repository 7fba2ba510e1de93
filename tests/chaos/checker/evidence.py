"""Everything the judgement rests on, read once: rows, Stripe's objects, machines, mails."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Machine:
    """A machine as the hypervisor itself shows it. `reference` is the service id found on it, if any."""

    vmid: int
    name: str
    reference: str | None
    running: bool
    created_at: float
    cores: int
    memory_mb: int


@dataclass(frozen=True)
class Stripe:
    """What Stripe's own API lists, newest first, and what its sandbox recorded about deliveries."""

    customers: list[Row]
    sessions: list[Row]
    subscriptions: list[Row]
    invoices: list[Row]
    invoice_payments: list[Row]
    charges: list[Row]
    refunds: list[Row]
    events: list[Row]
    deliveries: list[Row]

    @cached_property
    def account_of(self) -> dict[str, str]:
        """Customer id → the account its metadata names; customers of others are not in it."""
        named = {customer["id"]: (customer.get("metadata") or {}).get("account_id") for customer in self.customers}
        return {customer: account for customer, account in named.items() if account}

    @cached_property
    def paid_sessions(self) -> list[Row]:
        """Payment pages on which money was taken."""
        return [row for row in self.sessions if row["status"] == "complete" and row["payment_status"] == "paid"]

    @cached_property
    def invoice_of_intent(self) -> dict[str, str]:
        """Payment intent → the invoice it paid (or tried to)."""
        found = {}
        for row in self.invoice_payments:
            intent = (row.get("payment") or {}).get("payment_intent")
            if intent:
                found[intent] = row["invoice"]
        return found

    @cached_property
    def order_of_invoice(self) -> dict[str, str]:
        """Invoice → the order its subscription's metadata names."""
        return {row["id"]: order for row in self.invoices if (order := _order_named(row))}


def _order_named(invoice: Row) -> str | None:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    order = (details.get("metadata") or {}).get("order_id")
    return str(order) if order else None


PERSONAL = frozenset(
    {"identity.user.registered.v1", "identity.verification.requested.v1", "identity.account.described.v1"}
)


@dataclass(frozen=True)
class Fact:
    """One row of an outbox or inbox with its envelope read. `data` is empty when the body is no envelope.

    A fact about a person (`PERSONAL`) has no body any more once it was sent or handled; its `subject` is still known
    while the outbox that published it remembers.
    """

    schema: str
    id: str
    type: str
    state: str
    subject: str
    body: bytes
    envelope_id: str | None
    envelope_type: str | None
    data: Row
    created_at: datetime

    @property
    def forgotten(self) -> bool:
        """Whether what it said is gone, as it must be."""
        return self.type in PERSONAL and self.state == "done" and not self.body


@dataclass(frozen=True)
class Unfinished:
    """A durable row that is not done: waiting, dead or parked."""

    place: str
    id: str
    state: str
    error: str | None


@dataclass
class Evidence:
    """One look at everything. Ids are public ones. `settled`: nothing is supposed to be in flight any more."""

    settled: bool
    taken_at: datetime
    orders: dict[str, Row]
    items: list[Row]
    entitlements: dict[str, Row]
    order_payments: list[Row]
    order_history: list[Row]
    prices: dict[str, Row]
    checkouts: list[Row]
    checkout_history: list[Row]
    closed_orders: list[Row]
    payers: list[Row]
    plans: dict[str, Row]
    payments: dict[str, Row]
    invoices: dict[str, Row]
    subscriptions: dict[str, Row]
    stripe_events: dict[str, Row]
    resources: dict[str, Row]
    resource_history: list[Row]
    jobs: list[Row]
    notifications: list[Row]
    contacts: list[Row]
    tickets: list[Row]
    outbox: list[Fact]
    inbox: list[Fact]
    unfinished: list[Unfinished]
    columns: list[tuple[str, str, str]]
    listeners: dict[str, set[str]]
    machines: list[Machine]
    stripe: Stripe
    mails: dict[str, list[Row]]
    tables: dict[str, list[Row]]

    @cached_property
    def paid_orders(self) -> set[str]:
        """Orders this house counts as paid."""
        return {order for order, row in self.orders.items() if row["status"] in ("paid", "fulfilled")}

    @cached_property
    def machines_of(self) -> dict[str, list[Machine]]:
        """Service id → the machines that carry it."""
        return group((machine.reference, machine) for machine in self.machines if machine.reference)

    @cached_property
    def resources_of(self) -> dict[str, list[Row]]:
        """Entitlement → its resources."""
        return group((row["entitlement_id"], row) for row in self.resources.values())

    @cached_property
    def entitlements_of(self) -> dict[str, list[Row]]:
        """Order item → its entitlements."""
        return group((row["item_id"], row) for row in self.entitlements.values())

    @cached_property
    def money_of(self) -> dict[str, list[Row]]:
        """Order → the payments this house noted for it."""
        return group((row["order_id"], row) for row in self.order_payments)

    @cached_property
    def story_of(self) -> dict[str, list[Row]]:
        """Order → its history."""
        return group((row["order_id"], row) for row in self.order_history)

    @cached_property
    def item_of(self) -> dict[str, Row]:
        """Item id → the item."""
        return {row["id"]: row for row in self.items}

    @cached_property
    def story_of_right(self) -> dict[str, list[Row]]:
        """Entitlement → its history."""
        return group((row["entitlement_id"], row) for row in self.tables["catalog.entitlement_history"])

    @cached_property
    def charged_of(self) -> dict[str, list[Row]]:
        """Order → the items that billing charges for it."""
        orders = {row["id"]: row["order_id"] for row in self.tables["billing.payment_groups"]}
        return group((orders[row["group_id"]], row) for row in self.tables["billing.payment_group_items"])

    @cached_property
    def times_handled(self) -> Counter[tuple[str, str, str]]:
        """Schema, type, and the entitlement or order it names → how many such facts were handled there."""
        return Counter(
            (fact.schema, fact.type, fact.data[name])
            for fact in self.inbox
            if fact.state == "done"
            for name in ("entitlement_id", "order_id")
            if fact.data.get(name)
        )

    @cached_property
    def mail_keys(self) -> set[str]:
        """The reasons for which a mail was written down."""
        return {row["dedupe_key"] for row in self.notifications}

    @cached_property
    def parked_objects(self) -> set[str]:
        """Objects of Stripe whose event waits for a person."""
        return {row["object_id"] for row in self.stripe_events.values() if row["state"] == "parked"}

    def order_of_machine(self, machine: Machine) -> str | None:
        """The order behind a machine, as far as the books know it."""
        resource = self.resources.get(machine.reference or "")
        return resource["order_id"] if resource else None

    def fits(self, session: Row) -> bool:
        """Whether a paid page took exactly what its order asks, from the account that ordered."""
        order = self.orders.get(order_named(session) or "")
        return (
            order is not None
            and session["amount_total"] == order["total_minor"]
            and session["currency"].upper() == order["currency"]
            and self.stripe.account_of.get(session["customer"]) == order["account_id"]
        )


def order_named(session: Row) -> str | None:
    """The order a payment page says it is for."""
    order = (session.get("metadata") or {}).get("order_id")
    return str(order) if order else None


def group(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """First → every second that came with it."""
    found: dict[Any, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found
