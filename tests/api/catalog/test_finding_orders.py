"""Staff find orders, and see whose they are."""

from datetime import timedelta

from sqlalchemy import text

from shared.contracts.identity import AccountDescribed
from shared.kernel import Principal
from tests.api.catalog.conftest import Shop


async def found(shop: Shop, query: str) -> list[str]:
    response = await shop.get(f"/api/v1/staff/orders?{query}", shop.grace)
    assert response.status_code == 200, response.text
    return [order["id"] for order in response.json()["data"]]


async def test_staff_find_orders_by_state_number_name_and_account(shop: Shop) -> None:
    web = await shop.placed({"plan": "vps-s", "interval": "month", "quantity": 2, "hostname": "web.example.com"})
    odd = await shop.placed({"plan": "vps-s", "interval": "month", "hostname": "odd-100001"}, who=shop.eve)
    await shop.hear(shop.paid(web))
    assert await found(shop, "status=paid") == [web["id"]]
    assert await found(shop, "status=awaiting_payment") == [odd["id"]]
    assert await found(shop, f"q={web['number']}") == [web["id"]]
    assert await found(shop, f"q={web['number'].lower()}") == [web["id"]]
    assert await found(shop, f"q={odd['number'][3:]}") == [odd["id"]]
    async with shop.database.work() as work:
        renumbered = text("UPDATE orders SET number = 'EZ-100002' WHERE number = :number")
        await work.session.execute(renumbered, {"number": odd["number"]})
    assert await found(shop, "q=100002") == await found(shop, "q=ez-100002") == [odd["id"]]
    assert await found(shop, "q=WEB.exa") == [web["id"]]
    assert await found(shop, "q=web-2") == [web["id"]]
    assert await found(shop, "q=eb.example") == []
    assert await found(shop, f"q={shop.eve.account_id}") == [odd["id"]]
    assert await found(shop, f"q={web['id']}&status=paid") == [web["id"]]
    assert await found(shop, f"q={web['id']}&status=expired") == []
    assert set(await found(shop, "q=")) == {web["id"], odd["id"]}
    for harmless in ("%25", "_", "%27 OR 1=1 --", "acc_x", "9" * 30, "\\"):
        assert await found(shop, f"q={harmless}") == []


async def test_a_search_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for query in ("status=lost", "q=%00", "q=a%0Ab", f"q={'a' * 300}", "limit=0"):
        assert (await shop.get(f"/api/v1/staff/orders?{query}", shop.grace)).status_code == 422, query


def described(shop: Shop, who: Principal, name: str, email: str, *, minutes: int = 0) -> AccountDescribed:
    return AccountDescribed(
        account_id=str(who.account_id),
        account_name="Studio",
        owner_name=name,
        owner_email=email,
        described_at=shop.clock.now() + timedelta(minutes=minutes),
    )


async def test_staff_see_whose_an_order_is(shop: Shop) -> None:
    placed = await shop.placed()
    order = await shop.read(placed)
    assert order["customer"] == {"account_id": shop.ada.account_id, "name": None, "email": None}
    assert order["placed_by"] == shop.ada.user_id
    assert order | placed == order
    for minutes, name in ((5, "Ada Lovelace"), (1, "Ada Byron"), (5, "Nobody")):
        await shop.hear(described(shop, shop.ada, name, "Ada@Example.com", minutes=minutes))
    customer = {"account_id": shop.ada.account_id, "name": "Ada Lovelace", "email": "Ada@Example.com"}
    assert (await shop.read(placed))["customer"] == customer
    listed = (await shop.get("/api/v1/staff/orders", shop.grace)).json()["data"]
    assert [one["customer"] for one in listed] == [customer]
    accepted = f"/api/v1/staff/orders/{placed['id']}/accept-payment"
    await shop.hear(shop.mismatched(placed))
    assert (await shop.post(accepted, {"reason": "a gift"}, shop.grace)).json()["customer"] == customer


async def test_staff_find_orders_by_customer(shop: Shop) -> None:
    ours, theirs = await shop.placed(), await shop.placed(who=shop.eve)
    await shop.hear(described(shop, shop.ada, "Ada Lovelace", "ada@example.com"))
    await shop.hear(described(shop, shop.eve, "Eve Adams", "eve@example.com"))
    again = await shop.placed()
    for query in ("ada@", "ADA%20Love", "ada%40example.com"):
        assert await found(shop, f"q={query}") == [again["id"], ours["id"]]
    assert await found(shop, "q=eve") == [theirs["id"]]
    assert await found(shop, "q=example.com") == []
    first = (await shop.get("/api/v1/staff/orders?q=ada&limit=1", shop.grace)).json()
    assert await found(shop, f"q=ada&limit=1&cursor={first['next_cursor']}") == [ours["id"]]
