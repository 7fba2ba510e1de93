"""An instance of before payment groups is upgraded: nothing of its money is lost, and all of it goes on."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest_asyncio
from alembic import command
from sqlalchemy import Connection, text

from services.billing.use_cases.announce_groups import announce_groups
from shared.contracts.catalog import EntitlementEnded
from shared.database.migrations import _config, _with_connection, upgrade
from shared.kernel import decode_id, new_id
from tests.api.billing.conftest import Billing, running_billing
from tests.support.database import TestDatabase
from tests.support.stripe_payloads import event, invoice, session, subscription

PAID_AT = datetime(2026, 9, 1, 12, tzinfo=UTC)
ACCOUNT = new_id("acc")
PRICE = new_id("prc")


def line(**changes: Any) -> dict[str, Any]:
    made = {
        "price_id": PRICE,
        "description": "VPS M · web-1",
        "quantity": 2,
        "unit_amount_minor": 1200,
        "setup_fee_minor": 150,
        "interval": "month",
    }
    return {**made, **changes}


class Before:
    """The rows of an instance at revision 0002, as that version wrote them."""

    def __init__(self) -> None:
        self.orders = {name: new_id("ord") for name in ("renewing", "open", "review", "ended", "several")}

    def write(self, connection: Connection) -> None:
        connection.execute(
            text(
                "INSERT INTO billing.payers (account_id, user_id, email, name, account_name, stripe_customer_id,"
                " created_at) VALUES (:account, :user, 'ada@example.com', 'Ada', 'Engines', 'cus_1', now())"
            ),
            {"account": decode_id("acc", ACCOUNT), "user": decode_id("usr", new_id("usr"))},
        )
        self._checkout(connection, "renewing", "paid", "sub_1", [line()])
        self._checkout(connection, "open", "open", None, [line(interval="year")])
        self._checkout(connection, "review", "mismatched", "sub_2", [line()])
        self._checkout(connection, "ended", "paid", "sub_3", [line()])
        self._checkout(connection, "several", "paid", "sub_4", [line(), line(quantity=1)])
        for name, status in (("sub_1", "active"), ("sub_3", "canceled"), ("sub_4", "active")):
            connection.execute(
                text(
                    "INSERT INTO billing.subscriptions (stripe_subscription_id, account_id, status, period_end,"
                    " cancel_at_period_end, as_of, as_of_order, as_of_event)"
                    " VALUES (:name, :account, :status, :ends, false, :at, 1, 'evt_0')"
                ),
                {
                    "name": name,
                    "account": decode_id("acc", ACCOUNT),
                    "status": status,
                    "ends": PAID_AT + timedelta(days=30),
                    "at": PAID_AT,
                },
            )

    def _checkout(
        self, connection: Connection, name: str, status: str, subscription_id: str | None, lines: list[dict[str, Any]]
    ) -> None:
        connection.execute(
            text(
                "INSERT INTO billing.checkouts (id, order_id, order_number, account_id, currency, total_minor, lines,"
                " order_expires_at, attempt, stripe_customer_id, stripe_session_id, stripe_subscription_id, paid_at,"
                " checked_at, created_at, status, version) VALUES (:id, :order, 'EZ-1', :account, 'EUR', 2700, :lines,"
                " :at, 1, 'cus_1', :session, :subscription, :paid, :at, :at, :status, 1)"
            ),
            {
                "id": decode_id("chk", new_id("chk")),
                "order": decode_id("ord", self.orders[name]),
                "account": decode_id("acc", ACCOUNT),
                "lines": orjson.dumps(lines).decode(),
                "session": f"cs_{name}",
                "subscription": subscription_id,
                "paid": PAID_AT if status == "paid" else None,
                "at": PAID_AT,
                "status": status,
            },
        )


BEFORE = Before()


@pytest_asyncio.fixture
async def upgraded(fresh_database: TestDatabase) -> AsyncIterator[Billing]:
    url = fresh_database.url("billing")

    def back(connection: Connection) -> None:
        config = _config("billing")
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")

    def write(connection: Connection) -> None:
        BEFORE.write(connection)
        connection.commit()

    await _with_connection(url, back)
    await _with_connection(url, write)
    await upgrade(url, "billing")
    async for running in running_billing(url):
        yield running


async def groups(billing: Billing) -> dict[str, dict[str, Any]]:
    rows = await billing.rows(
        "payment_groups AS g JOIN billing.checkouts AS c ON c.id = g.checkout_id",
        "c.stripe_session_id AS page, g.*",
    )
    return {row["page"].removeprefix("cs_"): row for row in rows}


async def test_every_checkout_is_one_group_over_its_lines(upgraded: Billing) -> None:
    found = await groups(upgraded)
    assert set(found) == set(BEFORE.orders)
    assert {name: (row["interval"], row["stripe_subscription_id"], row["status"]) for name, row in found.items()} == {
        "renewing": ("month", "sub_1", "active"),
        "open": ("year", None, "waiting"),
        "review": ("month", "sub_2", "waiting"),
        "ended": ("month", "sub_3", "canceled"),
        "several": ("month", "sub_4", "active"),
    }
    items = await upgraded.rows("payment_group_items", "group_id, item_id, price_id, quantity, live_units")
    mine = [item for item in items if item["group_id"] == found["several"]["id"]]
    assert sorted(item["live_units"] for item in mine) == [1, 2]
    assert {item["item_id"] for item in items} == {None}
    assert {item["price_id"] for item in items} == {decode_id("prc", PRICE)}


async def test_what_ended_before_the_upgrade_is_told_after_it_once(upgraded: Billing) -> None:
    for _minute in range(3):
        await upgraded.database.run(announce_groups)
    ended = await upgraded.facts("billing.subscription.ended")
    assert [fact["order_id"] for fact in ended] == [BEFORE.orders["ended"]]
    started = {fact["order_id"] for fact in await upgraded.facts("billing.subscription.started")}
    assert started == {BEFORE.orders["renewing"], BEFORE.orders["several"]}


async def test_an_old_subscription_renews_and_an_old_page_can_still_be_paid(upgraded: Billing) -> None:
    details = {"metadata": {"order_id": BEFORE.orders["renewing"]}, "subscription": "sub_1"}
    renewal = invoice(
        customer="cus_1",
        billing_reason="subscription_cycle",
        status="paid",
        number="A-2",
        amount_paid=2400,
        parent={"subscription_details": details},
    )
    await upgraded.apply(event("invoice.paid", renewal))
    [renewed] = await upgraded.facts("billing.subscription.renewed")
    assert (renewed["order_id"], renewed["item_ids"]) == (BEFORE.orders["renewing"], [])
    paid = session(id="cs_open", customer="cus_1", subscription="sub_9")
    made = subscription(id="sub_9", customer="cus_1", metadata={"order_id": BEFORE.orders["open"]})
    await upgraded.apply(event("customer.subscription.created", made), event("checkout.session.completed", paid))
    [fact] = await upgraded.facts("billing.checkout.paid")
    assert fact["order_id"] == BEFORE.orders["open"]
    assert (await groups(upgraded))["open"]["stripe_subscription_id"] == "sub_9"


async def test_an_item_of_an_old_order_is_found_when_it_is_the_only_one_and_else_waits_for_a_person(
    upgraded: Billing,
) -> None:
    for name in ("renewing", "several"):
        await upgraded.hear(
            EntitlementEnded(
                entitlement_id=new_id("ent"),
                order_id=BEFORE.orders[name],
                item_id=new_id("itm"),
                account_id=ACCOUNT,
                reason="asked for",
                version=2,
            )
        )
    group = (await groups(upgraded))["renewing"]["id"]
    [item] = [row for row in await upgraded.rows("payment_group_items") if row["group_id"] == group]
    assert item["live_units"] == 1
    [waiting] = await upgraded.rows("inbox WHERE state <> 'done'", "last_error")
    assert "before its lines named their items" in waiting["last_error"]
