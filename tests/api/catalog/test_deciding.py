"""Staff decide about single entitlements; each decision is told once, and old news changes none of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.contracts import catalog, provisioning
from shared.kernel import Principal, new_id
from tests.api.catalog.conftest import Json, Shop
from tests.support.callers import staff

REASON = "The owner asked for it."


async def bought(shop: Shop, *, quantity: int = 1, running: bool = True) -> Json:
    placed = await shop.placed({"plan": "vps-m", "interval": "month", "quantity": quantity, "hostname": "web"})
    await shop.hear(shop.paid(placed))
    order = await shop.read(placed)
    for index in range(quantity if running else 0):
        await shop.hear(shop.running(order, index))
    return await shop.read(placed)


async def decide(
    shop: Shop, order: Json, verb: str, index: int = 0, who: Principal | None = None, **body: Any
) -> httpx.Response:
    path = f"/api/v1/staff/entitlements/{order['entitlements'][index]['id']}/{verb}"
    return await shop.post(path, {"reason": REASON} | body, who or shop.grace)


async def states(shop: Shop, order: Json) -> list[str]:
    return [right["status"] for right in (await shop.read(order))["entitlements"]]


def about(shop: Shop, order: Json, kind: type[Any], **more: Any) -> Any:
    facts = shop.running(order).model_dump()
    return kind.model_validate({name: facts[name] for name in facts if name in kind.model_fields} | more)


async def test_a_right_is_suspended_and_resumed_ended_and_restored_and_each_is_told_once(shop: Shop) -> None:
    order = await bought(shop, quantity=2)
    steps = [
        ("suspend", "suspended", catalog.EntitlementSuspended),
        ("resume", "active", catalog.EntitlementResumed),
        ("end", "ended", catalog.EntitlementEnded),
        ("restore", "active", catalog.EntitlementRestored),
    ]
    versions = []
    for verb, status, kind in steps:
        for _ in range(2):
            answer = await decide(shop, order, verb)
            assert (answer.status_code, answer.json()["status"]) == (200, status), answer.text
        (fact,) = await shop.published(kind)
        right = order["entitlements"][0]
        assert (fact.entitlement_id, fact.item_id, fact.reason) == (right["id"], order["items"][0]["id"], REASON)
        versions.append(fact.version)
        assert await states(shop, order) == [status, "active"]
    assert versions == sorted(set(versions))
    story = [(entry["title"], entry["detail"]) for entry in await shop.story(order)]
    for title in ("web-1 is suspended", "web-1 is resumed", "web-1 has ended", "web-1 is restored"):
        assert (title, REASON) in story
    async with shop.database.read() as session:
        told = await session.execute(text("SELECT DISTINCT \"by\" FROM entitlement_history WHERE verb = 'suspend'"))
        assert told.scalars().all() == [shop.grace.user_id]


async def test_what_never_ran_is_waited_for_again(shop: Shop) -> None:
    order = await bought(shop, running=False)
    for first, second in (("suspend", "resume"), ("end", "restore")):
        assert (await decide(shop, order, first)).status_code == 200
        assert (await decide(shop, order, second)).json()["status"] == "granted"
    await decide(shop, order, "suspend")
    await shop.hear(shop.running(order))
    assert await states(shop, order) == ["suspended"], "news of the service does not end a suspension"
    assert (await decide(shop, order, "resume")).json()["status"] == "active"
    assert (await shop.read(order))["status"] == "fulfilled"


@pytest.mark.parametrize(("done", "asked"), [("end", "suspend"), ("end", "resume"), ("suspend", "restore")])
async def test_a_decision_that_makes_no_sense_is_refused(shop: Shop, done: str, asked: str) -> None:
    order = await bought(shop)
    await decide(shop, order, done)
    answer = await decide(shop, order, asked)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (409, "illegal-move")


async def test_a_right_is_put_on_another_plan_of_its_type(shop: Shop) -> None:
    order = await bought(shop)
    for _ in range(2):
        answer = await decide(shop, order, "change", plan="vps-l")
        assert (answer.status_code, answer.json()["plan"]) == (200, {"code": "vps-l", "name": "VPS L"})
    (fact,) = await shop.published(catalog.EntitlementChanged)
    assert (fact.plan_code, fact.spec["cores"], fact.reason) == ("vps-l", 4, REASON)
    assert fact.configuration["hostname"] == "web"
    assert ("web becomes VPS L", REASON) in [(one["title"], one["detail"]) for one in await shop.story(order)]
    assert (await shop.read(order))["items"][0]["plan"]["code"] == "vps-m", "what was ordered stays as it was"
    for plan, status in (("vps-s", 409), ("domain-com", 422), ("nothing", 422)):
        assert (await decide(shop, order, "change", plan=plan)).status_code == status, plan
    await decide(shop, order, "end")
    assert (await decide(shop, order, "change", plan="vps-xl")).status_code == 409


async def test_only_who_may_and_has_proved_it_lately_decides(shop: Shop) -> None:
    order = await bought(shop)
    assert (await decide(shop, order, "suspend", who=staff("support"))).status_code == 403
    stale = staff("operations")
    object.__setattr__(stale, "authenticated_at", datetime.now(UTC) - timedelta(hours=1))
    for verb, expected in (("end", 403), ("change", 403), ("suspend", 200), ("resume", 200), ("restore", 200)):
        body: Json = {"plan": "vps-l"} if verb == "change" else {}
        assert (await decide(shop, order, verb, who=stale, **body)).status_code == expected, verb
    wrong: list[Json] = [{"reason": ""}, {"reason": "x\ny"}, {"status": "ended"}]
    for body in wrong:
        assert (await decide(shop, order, "suspend", **body)).status_code == 422
    missing = await shop.post(f"/api/v1/staff/entitlements/{new_id('ent')}/end", {"reason": REASON}, shop.grace)
    assert missing.status_code == 404


async def test_an_item_is_delivered_once_when_its_last_unit_runs(shop: Shop) -> None:
    order = await bought(shop, quantity=3, running=False)
    await shop.hear(shop.running(order, 0))
    await decide(shop, order, "suspend", 0)
    shop.clock.advance(timedelta(minutes=5))
    await shop.hear(shop.running(order, 2))
    assert await shop.published(catalog.ItemDelivered) == []
    await decide(shop, order, "end", 1)  # never ran, and is waited for no more
    for verb in ("resume", "suspend"):
        await decide(shop, order, verb, 0)
    await shop.hear(shop.running(order, 1))
    (fact,) = await shop.published(catalog.ItemDelivered)
    assert (fact.item_id, fact.order_id, fact.account_id) == (
        order["items"][0]["id"],
        order["id"],
        shop.ada.account_id,
    )
    assert fact.delivered_at == shop.clock.now()
    assert (await shop.read(order))["status"] == "fulfilled"


async def test_what_provisioning_did_is_told_in_the_timeline_and_decides_nothing(shop: Shop) -> None:
    order = await bought(shop)
    shop.clock.advance(timedelta(minutes=1))
    for fact in (
        about(shop, order, provisioning.ResourceSuspended, reason=REASON),
        about(shop, order, provisioning.ResourceResumed),
        about(shop, order, provisioning.ResourceChanged, plan_code="vps-l"),
        about(shop, order, provisioning.ResourceTerminated, reason=REASON, removed_at=datetime(2026, 2, 7, tzinfo=UTC)),
        about(shop, order, provisioning.ResourceTerminated, reason=REASON, removed_at=None),
    ):
        await shop.hear(fact)
    assert (await shop.titles(order))[-5:] == [
        "web was stopped",
        "web runs again",
        "web was changed",
        "web was stopped for good",
        "web was removed",
    ]
    assert "07 February 2026" in str((await shop.story(order))[-2]["detail"])
    assert await states(shop, order) == ["active"]
    unknown = about(shop, order, provisioning.ResourceResumed).model_copy(update={"order_id": new_id("ord")})
    await shop.hear(unknown)
    assert await shop.count("inbox", "state = 'ready'") == 1
