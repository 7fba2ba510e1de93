"""What is wanted of Stripe without waiting: customers, products, prices — each made once, whatever happens between."""

import itertools
from typing import Any

import pytest

from services.billing.use_cases import stripe_tasks
from shared.kernel import new_id
from tests.api.billing.conftest import Shop
from tests.support.stripe_sandbox import RunningSandbox


async def listed(sandbox: RunningSandbox, path: str) -> list[dict[str, Any]]:
    """Everything of one kind at Stripe."""
    found: list[dict[str, Any]] = (await sandbox.control.get(path, params={"limit": 100})).json()["data"]
    return found


async def make_due(shop: Shop) -> None:
    """Makes waiting tasks due at once."""
    await shop.billing.execute("UPDATE stripe_tasks SET next_attempt_at = now() WHERE state = 'ready'")


async def test_a_published_plan_is_synced_and_announced_per_price(shop: Shop, sandbox: RunningSandbox) -> None:
    [product] = await listed(sandbox, "/v1/products")
    [price] = await listed(sandbox, "/v1/prices")
    assert (product["id"], product["name"], product["description"]) == (shop.plan_id, "VPS M", "Two cores")
    assert (price["lookup_key"], price["unit_amount"], price["currency"]) == (shop.price_id, 1200, "eur")
    assert price["recurring"]["interval"] == "month"
    [fact] = await shop.billing.facts("billing.price.synced")
    assert fact == {
        "price_id": shop.price_id,
        "plan_id": shop.plan_id,
        "plan_version": 1,
        "stripe_product_id": product["id"],
        "stripe_price_id": price["id"],
    }


async def test_hearing_of_the_same_version_again_wants_nothing_more(shop: Shop) -> None:
    await shop.billing.hear(shop.published())
    assert await shop.billing.run_tasks() == 0
    assert len(await shop.billing.facts("billing.price.synced")) == 1


async def test_a_new_version_renames_the_product_and_adds_its_prices(shop: Shop, sandbox: RunningSandbox) -> None:
    newer = shop.published(2, price_id=new_id("prc"), amount_minor=1500).model_copy(update={"name": "VPS M2"})
    await shop.billing.hear(newer)
    await shop.billing.run_tasks()
    assert [product["name"] for product in await listed(sandbox, "/v1/products")] == ["VPS M2"]
    assert sorted(price["unit_amount"] for price in await listed(sandbox, "/v1/prices")) == [1200, 1500]
    assert [fact["plan_version"] for fact in await shop.billing.facts("billing.price.synced")] == [1, 2]


async def test_versions_heard_in_any_order_leave_the_newest_name_and_every_price(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    versions = [
        shop.published(number, price_id=new_id("prc")).model_copy(update={"plan_id": plan, "name": f"Name {number}"})
        for plan in [new_id("pln")]
        for number in (1, 2, 3)
    ]
    for arrival in itertools.islice(itertools.permutations(versions), 3, 4):
        for version in arrival:
            await shop.billing.hear(version)
            await shop.billing.run_tasks()
    names = {item["id"]: item["name"] for item in await listed(sandbox, "/v1/products")}
    assert names[versions[0].plan_id] == "Name 3"
    assert len(await listed(sandbox, "/v1/prices")) == 4


async def test_a_price_that_would_change_is_refused_and_visible(shop: Shop, sandbox: RunningSandbox) -> None:
    await shop.billing.hear(shop.published(2, amount_minor=1))
    [row] = await shop.billing.rows("inbox WHERE state <> 'done'", "state, last_error")
    assert "would change" in row["last_error"]
    assert [price["unit_amount"] for price in await listed(sandbox, "/v1/prices")] == [1200]


async def test_a_sign_up_becomes_one_customer(shop: Shop, sandbox: RunningSandbox) -> None:
    account = await shop.account()
    await shop.billing.run_tasks()
    [person] = await listed(sandbox, "/v1/customers")
    assert (person["email"], person["name"]) == ("ada@example.com", "Analytical Engines")
    assert person["metadata"] == {"account_id": account}
    assert [row["stripe_customer_id"] for row in await shop.billing.rows("payers")] == [person["id"]]


async def test_two_accounts_with_one_address_are_two_customers(shop: Shop, sandbox: RunningSandbox) -> None:
    await shop.account()
    await shop.account()
    await shop.billing.run_tasks()
    assert len(await listed(sandbox, "/v1/customers")) == 2


@pytest.mark.parametrize("kind", ["drop_after_processing", "drop_connection", "status", "rate_limit"])
@pytest.mark.parametrize("times", [1, 5])
async def test_a_stripe_that_misbehaves_gets_every_object_once(
    shop: Shop, sandbox: RunningSandbox, kind: str, times: int
) -> None:
    await sandbox.faults(api=[{"kind": kind, "times": times, "match": "POST /v1/customers"}])
    await shop.account()
    for _attempt in range(6):
        await shop.billing.run_tasks()
        await make_due(shop)
    assert len(await listed(sandbox, "/v1/customers")) == 1
    assert {row["state"] for row in await shop.billing.rows("stripe_tasks", "state")} == {"done"}


async def test_a_crash_after_the_call_makes_no_second_object(
    shop: Shop, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes = iter([True] * 8)  # four of each task: the next attempts use other keys

    def crash(point: str) -> None:
        if point == "billing.tasks.after_call" and next(crashes, False):
            raise ConnectionResetError("gone")

    monkeypatch.setattr(stripe_tasks, "reach", crash)
    other = shop.published().model_copy(update={"plan_id": new_id("pln")})
    other = other.model_copy(update={"prices": (other.prices[0].model_copy(update={"price_id": new_id("prc")}),)})
    await shop.billing.hear(other)
    await shop.account()
    for _attempt in range(6):
        await shop.billing.run_tasks()
        await make_due(shop)
    assert next(crashes, None) is None
    assert len(await listed(sandbox, "/v1/products")) == 2
    assert len(await listed(sandbox, "/v1/prices")) == 2
    assert len(await listed(sandbox, "/v1/customers")) == 1
    assert len(await shop.billing.facts("billing.price.synced")) == 2


async def test_what_stripe_refuses_for_good_is_dead_with_its_reason(shop: Shop, sandbox: RunningSandbox) -> None:
    await sandbox.faults(api=[{"kind": "status", "status": 400, "times": 1, "match": "POST /v1/customers"}])
    await shop.account()
    await shop.billing.run_tasks()
    [row] = await shop.billing.rows("stripe_tasks WHERE kind = 'ensure_customer'", "state, failure_class, last_error")
    assert (row["state"], row["failure_class"]) == ("dead", "permanent")
    assert "Stripe answered 400" in row["last_error"]
    assert "ada@example.com" not in row["last_error"]


async def test_no_task_is_queued_twice(shop: Shop) -> None:
    before = await shop.billing.count("stripe_tasks")
    await shop.billing.hear(shop.published())
    assert await shop.billing.count("stripe_tasks") == before
