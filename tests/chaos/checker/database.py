"""The five schemas, read in one snapshot that can write nothing."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tests.chaos.checker.evidence import Fact, Row, Unfinished
from tests.chaos.checker.ids import typeid

SCHEMAS = ("identity", "billing", "catalog", "provisioning", "support")

# Column → the prefix its ids have in public. A column of one name means one kind of thing in every schema.
_PREFIXES = {
    "order_id": "ord",
    "account_id": "acc",
    "item_id": "itm",
    "entitlement_id": "ent",
    "service_id": "svc",
    "resource_id": "svc",
    "user_id": "usr",
    "checkout_id": "chk",
    "plan_id": "pln",
    "price_id": "prc",
    "job_id": "job",
    "entry_id": "led",
    "group_id": "grp",
}
# Table → the prefix of its own `id`, and what is read of it.
_TABLES = {
    "catalog.orders": ("ord", "id, number, account_id, status, currency, total_minor, created_at, paid_at, attention"),
    "catalog.order_items": (
        "itm",
        "id, order_id, product_type, quantity, name, price_id, interval, paid_until, past_due_at, settled_at, ended_at",
    ),
    "catalog.entitlements": (
        "ent",
        (
            "id, order_id, item_id, account_id, ordinal, status, service_id, created_at, "
            "(spec->>'cores')::int AS cores, (spec->>'memory_mb')::int AS memory_mb"
        ),
    ),
    "catalog.payments": ("", "order_id, checkout_id, amount_minor, currency, outcome, reason, paid_at"),
    "catalog.order_history": ("", 'order_id, verb, at, "by", reason, from_status, to_status'),
    "catalog.entitlement_history": ("", 'entitlement_id, verb, at, "by", reason'),
    "catalog.customers": ("", "account_id"),
    "catalog.prices": ("prc", "id, plan_id, stripe_price_id"),
    "billing.checkouts": (
        "chk",
        "id, order_id, account_id, status, stripe_session_id, stripe_customer_id, mismatch, created_at",
    ),
    "billing.checkout_history": ("", 'checkout_id, verb, at, "by", reason, detail'),
    "billing.closed_orders": ("", "order_id, closed_at"),
    "billing.payers": ("", "account_id, user_id, stripe_customer_id"),
    "billing.plans": ("pln", "id, version"),
    "billing.payments": (
        "",
        (
            "reference, account_id, order_id, status, amount_minor, currency, refunded_minor, dispute_status, "
            "failure_reported_at"
        ),
    ),
    "billing.invoices": (
        "inv",
        "id, stripe_invoice_id, account_id, order_id, status, amount_paid_minor, currency, number, created_at, paid_at",
    ),
    "billing.entries": ("led", "id, kind, stripe_id, charge, invoice"),
    "billing.postings": ("", "entry_id, account, currency, amount_minor"),
    "billing.subscriptions": ("", "stripe_subscription_id, account_id, order_id, status"),
    "billing.payment_groups": ("grp", "id, order_id, interval, starts, status, stripe_subscription_id"),
    "billing.payment_group_items": ("", "group_id, item_id, price_id, quantity, live_units, delivered_at"),
    "billing.payment_group_units": ("", "entitlement_id, live, version"),
    "billing.stripe_events": (
        "",
        "id, type, state, object_id, order_id, outcome, attempts, received_at, finished_at, stripe_created_at",
    ),
    "provisioning.resources": (
        "svc",
        (
            "id, entitlement_id, order_id, provider, external_ref, status, power, missing_since, created_at, "
            "activated_at, entitlement, entitlement_version, change_version"
        ),
    ),
    "provisioning.resource_history": ("", 'id, resource_id, verb, at, "by", reason, from_status, to_status'),
    "provisioning.customers": ("", "account_id"),
    "provisioning.jobs": (
        "job",
        "id, intent, resource_id, state, attempts, last_error, created_at, finished_at, requested_by",
    ),
    "provisioning.job_steps": ("", "job_id, name, state, started_at, finished_at, detail, tries"),
    "support.notifications": ("ntf", "id, dedupe_key, template, recipient, state, sent_at, created_at"),
    "support.customers": ("", "account_id"),
    "support.contacts": ("", "user_id, account_id"),
    "support.tickets": ("tkt", "id, cause, created_at"),
}


class Snapshot:
    """What one transaction saw."""

    def __init__(self) -> None:
        self.taken_at: datetime
        self.tables: dict[str, list[Row]] = {}
        self.outbox: list[Fact] = []
        self.inbox: list[Fact] = []
        self.unfinished: list[Unfinished] = []
        self.columns: list[tuple[str, str, str]] = []


async def read_database(url: str) -> Snapshot:
    """One look at every schema. Raises what asyncpg raises when the database is away."""
    connection = await asyncpg.connect(url, timeout=10, command_timeout=120)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _read(connection)
    finally:
        await connection.close()


_FACT = "id, type, state, body, created_at"


async def _read(connection: Any) -> Snapshot:
    found = Snapshot()
    found.taken_at = await connection.fetchval("SELECT now()")
    for table, (prefix, columns) in _TABLES.items():
        rows = await connection.fetch(f"SELECT {columns} FROM {table}")
        found.tables[table] = [_public(row, prefix) for row in rows]
    for schema in SCHEMAS:
        rows = await connection.fetch(f"SELECT {_FACT}, subject FROM {schema}.outbox")
        found.outbox += [_fact(schema, row, row["subject"]) for row in rows]
    subjects = {fact.id: fact.subject for fact in found.outbox}
    for schema in SCHEMAS:
        rows = await connection.fetch(f"SELECT {_FACT} FROM {schema}.inbox")
        found.inbox += [_fact(schema, row, subjects.get(str(row["id"]), "")) for row in rows]
    listed = await connection.fetch(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_schema = ANY($1)",
        list(SCHEMAS),
    )
    found.columns = [(row[0], row[1], row[2]) for row in listed]
    # Whatever is leased is a durable row, also in tables that do not exist yet.
    for schema, table in sorted(
        {(schema, table) for schema, table, column in found.columns if column == "lease_token"}
    ):
        # A timer waits for its day; only one whose day has come is unfinished.
        due = "AND (state <> 'ready' OR next_attempt_at < now())" if table == "timers" else ""
        rows = await connection.fetch(f"SELECT id, state, last_error FROM {schema}.{table} WHERE state <> 'done' {due}")
        found.unfinished += [
            Unfinished(f"{schema}.{table}", str(row["id"]), row["state"], row["last_error"]) for row in rows
        ]
    return found


def _public(row: Any, prefix: str) -> Row:
    return {column: _value(column, value, prefix) for column, value in row.items()}


def _value(column: str, value: Any, prefix: str) -> Any:
    if isinstance(value, UUID):
        kind = prefix if column == "id" else _PREFIXES.get(column)
        # asyncpg's UUID is a subclass of its own; the number is what counts.
        return typeid(kind, UUID(int=value.int)) if kind else str(value)
    return value


def _fact(schema: str, row: Any, subject: str) -> Fact:
    body = bytes(row["body"])
    try:
        envelope = json.loads(body)
        data, identity, kind = dict(envelope["data"]), str(envelope["id"]), str(envelope["type"])
    except (ValueError, KeyError, TypeError):
        data, identity, kind = {}, None, None
    state, made_at = row["state"], row["created_at"]
    return Fact(schema, str(row["id"]), row["type"], state, subject, body, identity, kind, data, made_at)
