"""What each service watches in its own schema: nothing after a purchase, red as soon as its data is made wrong."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.billing.use_cases import promises as billing
from services.catalog.use_cases import promises as catalog
from services.identity.use_cases import promises as identity
from services.provisioning.jobs import clock
from services.provisioning.jobs.drift import Differences, compare_all
from services.provisioning.main import pool_of, tools_of
from services.provisioning.settings import ProvisioningSettings
from services.provisioning.use_cases import promises as provisioning
from services.support.use_cases import promises as support
from shared.database import Database
from shared.testing import eventually
from shared.web.invariants import PromiseWatch
from tests.support.market import Market, market

__all__ = ["market"]

WATCHED = {
    "identity": identity.INVARIANTS,
    "billing": billing.INVARIANTS,
    "catalog": catalog.INVARIANTS,
    "provisioning": provisioning.INVARIANTS,
    "support": support.INVARIANTS,
}
_WAITS = "UPDATE {0} SET state = 'ready', next_attempt_at = now() + interval '1 day' WHERE state = 'done'"
# A fresh id must look as if it were made now, as ours do.
_NEW_ID = "(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '70008000000000000009')::uuid"
_AGAIN = (
    f"INSERT INTO {{0}} (id, type, subject, body, state) SELECT {_NEW_ID}, type, subject, body, 'done' "
    "FROM {0} WHERE type = '{1}' LIMIT 1"
)
_OPEN = "UPDATE {0} SET status = 'open', checked_at = now() + interval '1 day'"


@dataclasses.dataclass(frozen=True)
class Case:
    """A look, and what makes the data of `table` wrong for it; "{0}" stands for the table."""

    service: str
    name: str
    table: str
    statement: str

    @property
    def place(self) -> str:
        """The table in its schema."""
        return f"{self.service}.{self.table}"


CASES = [
    *(
        Case(service, "fact_not_sent", "outbox", _WAITS)
        for service in ("identity", "billing", "catalog", "provisioning")
    ),
    Case(
        "support",
        "fact_not_sent",
        "outbox",
        "INSERT INTO {0} (id, type, subject, body, next_attempt_at) VALUES (gen_random_uuid(), '', '', '', 'infinity')",
    ),
    Case("identity", "fact_told_twice", "outbox", _AGAIN.format("{0}", "identity.user.registered.v1")),
    Case("billing", "fact_told_twice", "outbox", _AGAIN.format("{0}", "billing.checkout.paid.v1")),
    Case("catalog", "fact_told_twice", "outbox", _AGAIN.format("{0}", "catalog.entitlement.granted.v1")),
    Case("provisioning", "fact_told_twice", "outbox", _AGAIN.format("{0}", "provisioning.resource.activated.v1")),
    Case(
        "billing",
        "two_invoices_for_one_period",
        "invoices",
        f"""
        INSERT INTO {{0}} (id, stripe_invoice_id, account_id, order_id, stripe_subscription_id, status, total_minor,
          amount_paid_minor, currency, created_at, as_of, as_of_order)
        SELECT {_NEW_ID}, 'in_again', account_id, order_id, stripe_subscription_id, 'paid', total_minor,
          amount_paid_minor, currency, created_at, as_of, 1 FROM {{0}}
        """,
    ),
    Case("billing", "paid_without_invoice", "invoices", "DELETE FROM {0}"),
    Case("billing", "money_and_checkout_differ", "checkouts", _OPEN),
    Case("billing", "event_handled_without_effect", "checkouts", _OPEN),
    Case("billing", "entry_out_of_balance", "postings", "UPDATE {0} SET amount_minor = 1 WHERE account = 'revenue'"),
    Case("billing", "clearing_and_charge_differ", "payments", "UPDATE {0} SET amount_minor = amount_minor + 1"),
    Case("billing", "paid_invoice_not_settled", "entries", "DELETE FROM {0} WHERE kind = 'invoice_paid'"),
    Case("billing", "charge_not_booked", "entries", "DELETE FROM {0} WHERE kind = 'capture'"),
    Case("catalog", "paid_units_and_entitlements_differ", "entitlements", "DELETE FROM {0}"),
    Case("catalog", "paid_and_not_fulfilled", "orders", "UPDATE {0} SET status = 'paid'"),
    Case("catalog", "entitled_without_payment", "orders", "UPDATE {0} SET status = 'under_review'"),
    Case(
        "catalog",
        "settled_twice",
        "payments",
        """
        INSERT INTO {0} (order_id, checkout_id, amount_minor, currency, outcome, paid_at)
        SELECT order_id, 'another', amount_minor, currency, outcome, paid_at FROM {0}
        """,
    ),
    Case("catalog", "paid_without_its_money", "payments", "UPDATE {0} SET amount_minor = 1"),
    Case("catalog", "fulfilled_and_not_active", "entitlements", "UPDATE {0} SET status = 'granted'"),
    Case("catalog", "payment_handled_without_effect", "orders", "UPDATE {0} SET status = 'awaiting_payment'"),
    Case("provisioning", "delivery_without_a_job", "resources", "UPDATE {0} SET status = 'provisioning'"),
    Case("provisioning", "active_without_a_machine", "resources", "UPDATE {0} SET external_ref = NULL"),
    Case("provisioning", "ended_right_still_served", "resources", "UPDATE {0} SET entitlement = 'ended'"),
    Case("provisioning", "suspended_right_still_served", "resources", "UPDATE {0} SET entitlement = 'suspended'"),
    Case("provisioning", "active_before_its_job_was_done", "jobs", "UPDATE {0} SET state = 'parked'"),
    Case("support", "service_not_welcomed", "notifications", "DELETE FROM {0} WHERE template = 'welcome_service'"),
    Case("support", "payment_without_receipt", "notifications", "DELETE FROM {0} WHERE template = 'receipt'"),
    Case(
        "support",
        "second_welcome",
        "notifications",
        f"""
        INSERT INTO {{0}} (id, dedupe_key, template, recipient, recipient_name, context, state)
        SELECT {_NEW_ID}, dedupe_key || ':again', template, recipient, recipient_name, context, 'done'
        FROM {{0}} WHERE template = 'welcome_service'
        """,
    ),
]


def _database(market: Market, service: str) -> Database:
    return market.instance._services[service].database


async def _look(watch: PromiseWatch) -> dict[tuple[str, str], list[str]]:
    """Promise and name → the ids that are told."""
    with capture_logs() as lines:
        await watch.look()
    assert not [line for line in lines if line["event"] == "promise_not_checked"], lines
    return {(line["promise"], line["name"]): line["ids"] for line in lines if line["event"] == "promise_broken"}


def _without_grace(market: Market, service: str) -> PromiseWatch:
    """The service's own queries, asked as if every grace had passed."""
    ahead = timedelta(seconds=-5)
    queries = [dataclasses.replace(invariant, grace=ahead) for invariant in WATCHED[service]]
    return PromiseWatch(service, _database(market, service), queries)


@asynccontextmanager
async def _wrong(market: Market, table: str, statement: str) -> AsyncIterator[None]:
    """The table made wrong, and put back as it was. Foreign keys are not watched meanwhile."""
    loose = "SET session_replication_role = replica;"
    await market.script(f"CREATE TABLE saved AS TABLE {table}")
    await market.script(f"{loose} {statement.format(table)}")
    try:
        yield
    finally:
        await market.script(
            f"{loose} BEGIN; DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM saved; "
            "DROP TABLE saved; COMMIT"
        )


@pytest.mark.parametrize("service", WATCHED)
async def test_a_purchase_breaks_nothing_that_is_watched(market: Market, service: str) -> None:
    assert market.first.holds, [line for line in market.first.verdicts if line.broken]
    assert await _look(_without_grace(market, service)) == {}


@pytest.mark.parametrize("case", CASES, ids=[f"{case.service}-{case.name}" for case in CASES])
async def test_wrong_data_is_seen(market: Market, case: Case) -> None:
    (promise,) = {one.promise for one in WATCHED[case.service] if one.name == case.name}
    async with _wrong(market, case.place, case.statement):
        found = await _look(_without_grace(market, case.service))
    assert found.get((promise, case.name)), found
    assert await _look(_without_grace(market, case.service)) == {}


def test_every_query_has_been_seen_red() -> None:
    watched = {(service, one.name) for service, queries in WATCHED.items() for one in queries}
    assert watched == {(case.service, case.name) for case in CASES}


async def test_a_grant_that_counts_as_handled_and_delivers_nothing_is_seen(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "_GRACE", timedelta(seconds=-5))
    watch = provisioning.promise_watch(_database(market, "provisioning"))
    key = ("I9", "grant_handled_without_effect")
    assert key not in await _look(watch)
    async with _wrong(market, "provisioning.resources", "DELETE FROM {0}"):
        (entitlement,) = (await _look(watch))[key]
    assert entitlement.startswith("ent_")


async def test_an_event_that_stripe_has_and_we_do_not_is_seen(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billing, "_NEWEST", timedelta(seconds=-5))
    payments = market.payments()
    database = _database(market, "billing")
    try:
        watch = billing.promise_watch(database, payments, livemode=False)
        key = ("I5", "event_not_here")
        assert key not in await _look(watch)
        kind = "type = 'checkout.session.completed'"
        async with _wrong(market, "billing.stripe_events", f"DELETE FROM {{0}} WHERE {kind}"):
            (event,) = (await _look(watch))[key]
        assert event.startswith("evt_")
        await market.stripe("POST", "/_sandbox/faults", {"api": [{"kind": "status", "status": 500, "times": 50}]})
        assert await billing.missing_events(database, payments, livemode=False) is None
    finally:
        await market.stripe("POST", "/_sandbox/faults", {"api": []})
        await payments.close()


async def test_machines_that_break_a_promise_are_told_from_the_providers_own_list(market: Market) -> None:
    database = _database(market, "provisioning")
    settings = ProvisioningSettings()
    tools = tools_of(settings)
    pool = pool_of(settings, database, tools)

    async def look() -> Differences:
        return (await compare_all(database, tools, pool))["proxmox/vps"]

    assert await look() == Differences((), (), ())
    rows: list[dict[str, Any]] = await market.hypervisor("GET", "/_sandbox/machines")
    (ours,) = [row for row in rows if not row["template"]]
    clones = "/api2/json/nodes/pve1/qemu/9000/clone"
    name = str(ours["description"]).split()[1].replace("_", "-")
    await market.hypervisor("POST", clones, {"newid": 7001, "name": name})
    await market.hypervisor("POST", clones, {"newid": 7002, "name": "svc-00000000000000000000000000"})
    found = await look()
    service = name.replace("-", "_")
    assert found == Differences((), (service,), ("svc_00000000000000000000000000",))
    await market.hypervisor("DELETE", "/api2/json/nodes/pve1/qemu/7001")
    await market.hypervisor("POST", f"/api2/json/nodes/pve1/qemu/{ours['vmid']}/status/stop")
    await eventually(lambda: _gone(market, int(ours["vmid"])), what="the machine to be destroyed")
    await market.sql("UPDATE provisioning.resources SET activated_at = now() - interval '1 hour'")
    found = await look()
    assert found == Differences((service,), (), ("svc_00000000000000000000000000",))
    assert await look() == found, "it stays missing after it was noted"
    jobs = {job.name: job for job in clock.clock_jobs(database, tools, pool, None)}
    with capture_logs() as lines:
        await jobs["drift"].run()
    told = {(line["promise"], line["name"]): line["ids"] for line in lines if line["event"] == "promise_broken"}
    assert told[("I1", "machine_missing")] == [service]
    assert told[("I2", "machine_of_no_order")] == ["svc_00000000000000000000000000"]
    await pool.aclose()


async def _gone(market: Market, vmid: int) -> bool:
    rows = await market.hypervisor("GET", "/_sandbox/machines")
    here = {row["vmid"]: row["status"] for row in rows}
    if here.get(vmid) == "stopped":
        await market.hypervisor("DELETE", f"/api2/json/nodes/pve1/qemu/{vmid}")
    return vmid not in here and 7001 not in here
