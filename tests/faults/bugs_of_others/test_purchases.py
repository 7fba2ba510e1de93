"""Whole purchases on a running instance: clicked eight times, behind a lost answer, while the hypervisor is away."""

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from ez import demo
from shared.testing import eventually
from tests.support.embedded import Embedded

CLICKS = 8


@pytest.fixture
def house(embedded: Embedded) -> Iterator[Embedded]:
    """The instance, with a healthy hypervisor afterwards."""
    yield embedded
    embedded.hypervisor("POST", "/_sandbox/outage", {"state": "off"})
    embedded.hypervisor("DELETE", "/_sandbox/faults")


class Customer:
    """Somebody who signed up, and how often they click."""

    def __init__(self, house: Embedded) -> None:
        self._house = house
        self._api = demo.Api(house.url)
        self.hostname = f"shop-{secrets.token_hex(4)}"
        self.email = ""

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        return await asyncio.to_thread(self._api, method, path, body, **options)

    async def order(self, clicks: int = 1) -> Any:
        """Orders by so many clicks on one page, at once, and goes to pay as often."""
        self.email = await asyncio.to_thread(demo.sign_up, self._api)
        key = secrets.token_hex(16)
        body = {"currency": "EUR", "items": [{"plan": "vps-s", "interval": "month", "hostname": self.hostname}]}
        orders = await asyncio.gather(*(self.call("POST", "/api/v1/orders", body, key=key) for _ in range(clicks)))
        assert len({order["id"] for order in orders}) == 1
        path = f"/api/v1/orders/{orders[0]['id']}/checkout"
        pages = await asyncio.gather(*(self.call("POST", path) for _ in range(clicks)))
        [session] = {page["url"].rsplit("/", 1)[-1] for page in pages}
        paying = f"/_sandbox/checkout/{session}/pay"
        paid = await asyncio.gather(
            *(asyncio.to_thread(self._house.stripe, "POST", paying, {"outcome": "success"}) for _ in range(clicks)),
            return_exceptions=True,
        )
        assert any(not isinstance(answer, BaseException) for answer in paid)
        return orders[0]

    async def services(self, order: Any) -> list[Any]:
        return list((await self.call("GET", f"/api/v1/services?order_id={order['id']}"))["data"])

    async def until(self, order: Any, status: str) -> None:
        async def reached() -> bool:
            return bool((await self.call("GET", f"/api/v1/orders/{order['id']}"))["status"] == status)

        await eventually(reached, every=0.3, what=f"the order {status}")

    def machines(self) -> list[Any]:
        return [machine for machine in self._house.machines() if machine["name"] == self.hostname]

    async def invoices(self) -> list[Any]:
        return list((await self.call("GET", "/api/v1/invoices"))["data"])

    async def welcomes(self) -> list[Any]:
        return [mail for mail in self._house.mails(self.email) if "is ready" in mail["subject"]]


@pytest.mark.bug("vultr/whmcs-vultr #88")
async def test_eight_clicks_on_order_checkout_and_payment_make_one_payment_and_one_machine(house: Embedded) -> None:
    customer = Customer(house)
    before = len(house.machines())
    order = await customer.order(clicks=CLICKS)
    await customer.until(order, "fulfilled")
    assert len(await customer.services(order)) == 1
    assert len(await eventually(customer.welcomes)) == 1
    assert len(await eventually(customer.invoices)) == 1
    assert len(customer.machines()) == 1
    assert len(house.machines()) == before + 1


@pytest.mark.bug("FOSSBilling/FOSSBilling #1086")
@pytest.mark.bug("Panelica/pnlcs")
async def test_a_machine_created_behind_a_lost_answer_is_adopted_and_its_order_fulfilled(house: Embedded) -> None:
    customer = Customer(house)
    before = len(house.machines())
    lost = {"kind": "drop_after", "method": "POST", "path": "/clone$", "count": 2}
    house.hypervisor("POST", "/_sandbox/faults", lost)
    order = await customer.order()
    await customer.until(order, "fulfilled")
    [service] = await customer.services(order)
    [machine] = customer.machines()
    assert service["id"] in machine["description"]
    assert len(house.machines()) == before + 1
    waiting = house.hypervisor("GET", "/_sandbox/faults")["data"]["faults"]
    assert not waiting or waiting[0]["count"] < 2, "no answer was lost"


@pytest.mark.bug("Paymenter/Paymenter #455")
async def test_a_paid_service_is_not_active_and_nobody_is_welcomed_before_its_server_exists(house: Embedded) -> None:
    customer = Customer(house)
    house.hypervisor("POST", "/_sandbox/outage", {"state": "on"})
    order = await customer.order()
    await customer.until(order, "paid")

    async def delayed() -> bool:
        """The first attempt has failed: what could have been said too early has been said by now."""
        found = await customer.services(order)
        assert {service["status"] for service in found} <= {"pending", "provisioning"}
        return bool(found) and found[0]["message"] is not None

    await eventually(delayed, every=0.3, what="the delivery delayed")
    [service] = await customer.services(order)
    assert service["status"] in ("pending", "provisioning")
    assert service["address"] is None
    assert await customer.welcomes() == []
    assert customer.machines() == []

    house.hypervisor("POST", "/_sandbox/outage", {"state": "off"})
    await customer.until(order, "fulfilled")
    [machine] = customer.machines()
    assert machine["status"] == "running"
    assert len(await eventually(customer.welcomes)) == 1
