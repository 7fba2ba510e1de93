"""A purchase in bad weather, on the real instance over the public API: one of everything, or nothing."""

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from ez import demo
from shared.testing import eventually
from tests.support.embedded import Embedded

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def weather(embedded: Embedded) -> Iterator[Embedded]:
    """The instance, with all faults cleared afterwards."""
    yield embedded
    embedded.stripe("POST", "/_sandbox/faults", {"webhooks": [], "next_checkout": []})


async def _customer(embedded: Embedded) -> tuple[demo.Api, str]:
    api = demo.Api(embedded.url)
    return api, await asyncio.to_thread(demo.sign_up, api)


async def _order(api: demo.Api, hostname: str) -> Any:
    body = {"currency": "EUR", "items": [{"plan": "vps-s", "interval": "month", "hostname": hostname}]}
    return await asyncio.to_thread(api, "POST", "/api/v1/orders", body, key=secrets.token_hex(16))


async def _pay(embedded: Embedded, api: demo.Api, order: Any) -> None:
    checkout = await asyncio.to_thread(api, "POST", f"/api/v1/orders/{order['id']}/checkout")
    session = checkout["url"].rsplit("/", 1)[-1]
    await asyncio.to_thread(embedded.stripe, "POST", f"/_sandbox/checkout/{session}/pay", {"outcome": "success"})


async def _status(api: demo.Api, order: Any, *wanted: str) -> Any:
    async def probe() -> Any:
        found = await asyncio.to_thread(api, "GET", f"/api/v1/orders/{order['id']}")
        return found if found["status"] in wanted else None

    return await eventually(probe, every=0.3, what=f"order {' or '.join(wanted)}")


def _machines(embedded: Embedded, hostname: str) -> int:
    return sum(machine["name"] == hostname for machine in embedded.machines())


@pytest.mark.fault(1)
async def test_the_same_webhook_twenty_times_at_once_gives_one_machine(weather: Embedded) -> None:
    hostname = f"storm-{secrets.token_hex(4)}"
    weather.stripe("POST", "/_sandbox/faults", {"webhooks": [{"duplicates": 20, "shuffle": True}]})
    api, email = await _customer(weather)
    order = await _order(api, hostname)
    await _pay(weather, api, order)
    await _status(api, order, "fulfilled")
    services = await asyncio.to_thread(api, "GET", f"/api/v1/services?order_id={order['id']}")
    invoices = await asyncio.to_thread(api, "GET", "/api/v1/invoices")
    assert (len(services["data"]), len(invoices["data"]), _machines(weather, hostname)) == (1, 1, 1)

    async def welcomed() -> list[Any]:
        return [mail for mail in weather.mails(email) if hostname in mail["subject"]]

    assert len(await eventually(welcomed)) == 1


@pytest.mark.fault(3)
async def test_forged_webhooks_change_nothing(weather: Embedded) -> None:
    kinds = ["wrong_secret", "missing_header", "empty_header", "only_v0", "garbage_timestamp", "stale_timestamp"]
    kinds += ["future_timestamp", "tampered_body"]
    hostname = f"forged-{secrets.token_hex(4)}"
    weather.stripe("POST", "/_sandbox/faults", {"webhooks": [{"forge": kinds, "forge_times": 40}]})
    api, _email = await _customer(weather)
    order = await _order(api, hostname)
    await _pay(weather, api, order)
    await _status(api, order, "fulfilled")
    assert _machines(weather, hostname) == 1


@pytest.mark.fault(11)
@pytest.mark.bug("CVE-2026-9189")
@pytest.mark.parametrize("mutation", [{"amount": 1}, {"currency": "usd"}])
async def test_money_that_does_not_match_delivers_nothing(weather: Embedded, mutation: dict[str, Any]) -> None:
    hostname = f"cheap-{secrets.token_hex(4)}"
    api, _email = await _customer(weather)
    order = await _order(api, hostname)
    weather.stripe("POST", "/_sandbox/faults", {"next_checkout": [mutation]})
    await _pay(weather, api, order)
    held = await _status(api, order, "under_review")
    assert held["entitlements"] == []
    assert _machines(weather, hostname) == 0


async def test_events_that_never_arrive_are_fetched(weather: Embedded) -> None:
    hostname = f"silent-{secrets.token_hex(4)}"
    api, _email = await _customer(weather)
    order = await _order(api, hostname)
    weather.stripe("POST", "/_sandbox/faults", {"webhooks": [{"withhold": 1_000}]})
    await _pay(weather, api, order)

    async def fulfilled() -> bool:
        found = await asyncio.to_thread(api, "GET", f"/api/v1/orders/{order['id']}")
        return bool(found["status"] == "fulfilled")

    await eventually(fulfilled, within=150, every=1, what="the reconciler to find the payment")
    assert _machines(weather, hostname) == 1


async def test_anothers_order_does_not_exist(embedded: Embedded) -> None:
    (mine, _), (other, _) = await _customer(embedded), await _customer(embedded)
    order = await _order(mine, "mine")
    for method, path in (("GET", ""), ("GET", "/timeline"), ("POST", "/checkout"), ("POST", "/cancel")):
        with pytest.raises(demo.DemoFailed, match="answered 404"):
            await asyncio.to_thread(other, method, f"/api/v1/orders/{order['id']}{path}")
