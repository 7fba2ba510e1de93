"""The public catalogue, and what staff do with it."""

import asyncio

from sqlalchemy import event

from services.catalog.domain import Plan, PlanGroup
from shared.contracts.billing import PriceSynced
from shared.contracts.catalog import PlanPublished
from shared.kernel import new_id
from tests.api.catalog.conftest import Json, Shop


async def plan_named(shop: Shop, code: str) -> Json:
    plans = (await shop.get("/api/v1/staff/plans?limit=100", shop.grace)).json()["data"]
    return next(plan for plan in plans if plan["code"] == code)


async def drafted(shop: Shop, code: str = "vps-secret") -> str:
    """A plan nobody may see yet; returns its id."""
    async with shop.database.work() as work:
        plan = Plan.draft(
            PlanGroup.new("vps", "Servers"), "vps", code, "Secret", at=shop.clock.now(), by="test", position=0
        )
        plan.add_price("EUR", "month", 100, 0, at=shop.clock.now(), by="test")
        work.add(plan)
        return plan.id


async def test_anybody_reads_the_plans_on_sale(shop: Shop) -> None:
    response = await shop.client.get("/api/v1/plans")
    assert response.status_code == 200
    plans = response.json()["data"]
    assert [plan["code"] for plan in plans][:4] == ["vps-s", "vps-m", "vps-l", "vps-xl"]
    assert len(plans) == 14
    medium = plans[1]
    assert set(medium) == {
        "id", "code", "name", "tagline", "description", "product_type", "unit", "group", "availability", "recommended",
        "features", "summary", "spec", "fields", "intervals", "max_quantity", "prices",
    }  # fmt: skip
    assert (medium["unit"], medium["group"], medium["recommended"], medium["max_quantity"]) == (
        "server", {"code": "vps", "name": "Virtual servers"}, True, 10,
    )  # fmt: skip
    assert medium["spec"] == {"cores": 2, "memory_mb": 4096, "disk_gb": 80, "transfer_tb": 4}
    asked = {field["key"]: field for field in medium["fields"]}
    assert set(asked) == {"hostname", "template", "ssh_keys", "root_password"}
    assert {choice["value"] for choice in asked["template"]["choices"]} >= {"debian-13", "ubuntu-24-04"}
    assert [line["value"] for line in medium["summary"]] == ["2 vCPU", "4 GB", "80 GB NVMe", "4 TB per month"]
    assert {(price["currency"], price["interval"]): price["amount_minor"] for price in medium["prices"]} == {
        ("EUR", "month"): 1200,
        ("EUR", "year"): 12000,
        ("USD", "month"): 1400,
        ("USD", "year"): 14000,
    }
    assert all(plan["availability"] == ("open" if plan["product_type"] == "vps" else "announced") for plan in plans)


async def test_plans_can_be_narrowed_by_currency_and_type(shop: Shop) -> None:
    plans = (await shop.client.get("/api/v1/plans?currency=USD&type=domain")).json()["data"]
    assert len(plans) == 5
    assert {price["currency"] for plan in plans for price in plan["prices"]} == {"USD"}
    assert {price["interval"] for plan in plans for price in plan["prices"]} == {"year"}
    for nothing in ("currency=JPY", "type=car"):
        assert (await shop.client.get(f"/api/v1/plans?{nothing}")).json() == {"data": []}


async def test_a_filter_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for query in ("currency=eur", "currency=EURO", "currency=%00%00%00", "type=Car", "type="):
        assert (await shop.client.get(f"/api/v1/plans?{query}")).status_code == 422, query


async def test_plans_may_be_cached_for_a_minute_and_are_validated_by_their_tag(shop: Shop) -> None:
    first = await shop.client.get("/api/v1/plans/vps-m")
    assert first.headers["cache-control"].startswith("public, max-age=60")
    again = await shop.client.get("/api/v1/plans/vps-m", headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    price = {"currency": "EUR", "interval": "month", "amount_minor": 1300}
    await shop.post(f"/api/v1/staff/plans/{first.json()['id']}/prices", price, shop.grace)
    changed = await shop.client.get("/api/v1/plans/vps-m", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


async def test_a_plan_is_read_by_its_code(shop: Shop) -> None:
    assert (await shop.client.get("/api/v1/plans/vps-xl")).json()["name"] == "VPS XL"
    for code in ("vps-xxl", "VPS-XL", "vps%00", "../vps-s"):
        assert (await shop.client.get(f"/api/v1/plans/{code}")).status_code == 404


async def test_a_draft_does_not_exist_for_the_public_until_it_is_published(empty_shop: Shop) -> None:
    plan_id = await drafted(empty_shop)
    assert (await empty_shop.client.get("/api/v1/plans/vps-secret")).status_code == 404
    assert (await empty_shop.client.get("/api/v1/plans")).json() == {"data": []}
    published = await empty_shop.post(f"/api/v1/staff/plans/{plan_id}/publish", who=empty_shop.grace)
    assert (published.status_code, published.json()["status"], published.json()["version"]) == (200, "published", 2)
    assert (await empty_shop.client.get("/api/v1/plans/vps-secret")).status_code == 200
    (fact,) = await empty_shop.published(PlanPublished)
    assert (fact.plan_id, fact.version, fact.product_type) == (plan_id, 2, "vps")
    assert [(price.currency, price.interval, price.amount_minor) for price in fact.prices] == [("EUR", "month", 100)]


async def test_publishing_again_tells_billing_once_more_and_changes_nothing(shop: Shop) -> None:
    plan = await plan_named(shop, "vps-m")
    before = len(await shop.published(PlanPublished))
    again = await shop.post(f"/api/v1/staff/plans/{plan['id']}/publish", who=shop.grace)
    assert (again.status_code, again.json()["version"]) == (200, plan["version"])
    assert len(await shop.published(PlanPublished)) == before + 1


async def test_a_retired_plan_leaves_the_shelf_and_is_not_published_again(shop: Shop) -> None:
    plan = await plan_named(shop, "vps-m")
    path = f"/api/v1/staff/plans/{plan['id']}"
    for _ in range(2):
        assert (await shop.post(f"{path}/retire", who=shop.grace)).json()["status"] == "retired"
    assert (await shop.client.get("/api/v1/plans/vps-m")).status_code == 404
    assert (await shop.post(f"{path}/publish", who=shop.grace)).status_code == 409
    price = {"currency": "EUR", "interval": "month", "amount_minor": 50}
    assert (await shop.post(f"{path}/prices", price, shop.grace)).status_code == 409
    assert (await shop.order()).status_code == 422


async def test_a_new_price_is_the_next_version_of_its_plan(shop: Shop) -> None:
    plan = await plan_named(shop, "vps-m")
    price = {"currency": "EUR", "interval": "month", "amount_minor": 1300, "setup_fee_minor": 500}
    changed = (await shop.post(f"/api/v1/staff/plans/{plan['id']}/prices", price, shop.grace)).json()
    assert changed["version"] == plan["version"] + 1
    monthly = [one for one in changed["prices"] if (one["currency"], one["interval"]) == ("EUR", "month")]
    assert [(one["amount_minor"], one["setup_fee_minor"], one["synced"]) for one in monthly] == [(1300, 500, False)]
    assert monthly[0]["id"] not in {one["id"] for one in plan["prices"]}
    fact = (await shop.published(PlanPublished))[-1]
    assert fact.version == changed["version"]
    assert {one.price_id for one in fact.prices} == {one["id"] for one in changed["prices"]}
    same = (await shop.post(f"/api/v1/staff/plans/{plan['id']}/prices", price, shop.grace)).json()
    assert same["version"] == changed["version"]


async def test_a_price_can_be_ordered_once_stripe_knows_it(empty_shop: Shop) -> None:
    shop = empty_shop
    await shop.seed()
    waiting = await shop.order()
    assert (waiting.status_code, waiting.json()["type"]) == (409, "https://ez.solutions/problems/plan-not-ready")
    assert await shop.count("orders") == 0
    plan = await plan_named(shop, "vps-m")
    price = next(one for one in plan["prices"] if (one["currency"], one["interval"]) == ("EUR", "month"))

    def synced(version: int, stripe_price_id: str) -> PriceSynced:
        return PriceSynced(
            price_id=price["id"],
            plan_id=plan["id"],
            plan_version=version,
            stripe_product_id="prod_1",
            stripe_price_id=stripe_price_id,
        )

    for version, stripe_price_id in ((3, "price_new"), (3, "price_new"), (2, "price_old")):
        await shop.hear(synced(version, stripe_price_id))
    plan = await plan_named(shop, "vps-m")
    known = {one["id"]: one["stripe_price_id"] for one in plan["prices"]}
    assert known.pop(price["id"]) == "price_new"
    assert set(known.values()) == {None}
    assert (await shop.order()).status_code == 201
    assert (await shop.order(currency="USD")).status_code == 409


async def test_news_about_an_unknown_price_waits_for_staff_to_see_it(shop: Shop) -> None:
    ids = {"price_id": new_id("prc"), "plan_id": new_id("pln")}
    await shop.hear(PriceSynced(**ids, plan_version=1, stripe_product_id="p", stripe_price_id="q"))
    assert await shop.count("inbox", "state = 'ready'") == 1


async def test_seeding_twice_and_at_once_adds_each_plan_once(empty_shop: Shop) -> None:
    added = await asyncio.gather(*(empty_shop.seed() for _ in range(3)))
    assert sorted(added) == [0, 0, 14]
    assert await empty_shop.count("plans") == 14
    assert await empty_shop.count("plan_groups") == 4
    assert len(await empty_shop.published(PlanPublished)) == 14


async def test_seeding_leaves_what_staff_have_changed(shop: Shop) -> None:
    plan = await plan_named(shop, "vps-m")
    price = {"currency": "EUR", "interval": "month", "amount_minor": 50}
    await shop.post(f"/api/v1/staff/plans/{plan['id']}/prices", price, shop.grace)
    assert await shop.seed() == 0
    shown = (await shop.client.get("/api/v1/plans/vps-m?currency=EUR")).json()
    assert any(one["amount_minor"] == 50 for one in shown["prices"])


async def test_reading_plans_takes_the_same_few_queries_however_many_there_are(shop: Shop) -> None:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    engine = shop.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        for path, who, most in (
            ("/api/v1/plans", None, 3),
            ("/api/v1/plans?currency=EUR&type=vps", None, 3),
            ("/api/v1/staff/plans?limit=100", shop.grace, 3),
            ("/api/v1/orders?limit=100", None, 3),
            ("/api/v1/staff/orders?limit=100", shop.grace, 4),
        ):
            for number in (0, 3):
                for _ in range(number):
                    await shop.placed({"plan": "vps-s", "interval": "month"}, {"plan": "vps-m", "interval": "month"})
                statements.clear()
                assert (await shop.get(path, who)).status_code == 200
                queries = [one for one in statements if one.lstrip().upper().startswith("SELECT")]
                assert len(queries) <= most, (path, queries)
    finally:
        event.remove(engine, "before_cursor_execute", count)
