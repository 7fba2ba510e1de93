"""A shop that is open: catalog on a real PostgreSQL, a catalogue whose prices Stripe knows, and a billing to ask."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import update

from services.catalog.adapters.billing import BillingCheckouts
from services.catalog.domain import Price
from services.catalog.main import create_service
from services.catalog.product_types import ProductTypes, load_types
from services.catalog.settings import CatalogSettings
from services.catalog.use_cases.seeding import ensure_catalogue
from shared.contracts import billing, provisioning
from shared.kernel import Principal, new_id, rfc3339
from shared.messaging import LocalBroker, LocalTransport
from shared.testing import FrozenClock
from shared.web.service import Service
from shared.web.tokens import TokenSigner, TokenVerifier
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS, bearer, customer, staff
from tests.support.database import TestDatabase
from tests.support.running_service import RunningService

Json = dict[str, Any]
SERVER: Json = {"plan": "vps-m", "interval": "month"}


@dataclass
class BillingStandIn:
    """An ASGI server that answers POST /internal/checkouts the way billing's contract says: one page per order."""

    pages: dict[str, Json] = field(default_factory=dict)
    asked: list[Json] = field(default_factory=list)
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes | None = None
    before_answer: Callable[[], Any] | None = None
    verifier: TokenVerifier = field(default_factory=lambda: TokenVerifier(TOKEN_KEYS, "billing"))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        content = b""
        while (message := await receive())["type"] == "http.request":
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        given = dict(scope["headers"])
        assert scope["path"] == "/internal/checkouts"
        assert self.verifier.verify(given[b"authorization"].decode().removeprefix("Bearer ")).service == "catalog"
        asked = json.loads(content)
        self.asked.append(asked)
        if self.before_answer is not None:
            await self.before_answer()
        page = self.pages.setdefault(
            asked["order_id"],
            {
                "checkout_id": new_id("chk"),
                "url": f"https://pay.example/{asked['order_id']}",
                "expires_at": asked["expires_at"],
            },
        )
        body = self.body if self.body is not None else json.dumps(page).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": body})


class Shop(RunningService):
    """What tests do with the catalog service."""

    def __init__(
        self,
        service: Service,
        clock: FrozenClock,
        stand_in: BillingStandIn,
        client: httpx.AsyncClient,
        types: ProductTypes,
    ):
        self.service = service
        self.clock = clock
        self.billing = stand_in
        self.client = client
        self.types = types
        self.ada = customer()
        self.eve = customer()
        self.grace = staff()

    async def seed(self) -> int:
        """Adds the plans that the product types bring; returns how many were missing."""
        return await self.database.run(lambda work: ensure_catalogue(work, self.types))

    async def get(self, path: str, who: Principal | None = None, **options: Any) -> httpx.Response:
        return await self.client.get(path, headers=bearer(who or self.ada), **options)

    async def post(
        self, path: str, body: Any = None, who: Principal | None = None, key: str | None = None
    ) -> httpx.Response:
        headers = bearer(who or self.ada) | ({"Idempotency-Key": key} if key else {})
        return await self.client.post(path, headers=headers, json=body)

    async def order(self, *items: Json, who: Principal | None = None, key: str | None = None, **body: Any) -> Any:
        """Places an order (for one VPS M unless told otherwise) and returns the response."""
        wanted = {"currency": "EUR", "items": list(items) or [{"plan": "vps-m", "interval": "month"}]} | body
        return await self.post("/api/v1/orders", wanted, who, key or new_id("key"))

    async def placed(self, *items: Json, **options: Any) -> Json:
        """A placed order."""
        response = await self.order(*items, **options)
        assert response.status_code == 201, response.text
        placed: Json = response.json()
        return placed

    async def read(self, order: Json) -> Json:
        """The order as staff see it now."""
        response = await self.get(f"/api/v1/staff/orders/{order['id']}", self.grace)
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found

    async def story(self, order: Json, who: Principal | None = None) -> list[Json]:
        """The order's timeline."""
        path = f"/api/v1/{'staff/' if who is self.grace else ''}orders/{order['id']}/timeline"
        entries: list[Json] = (await self.get(path, who)).json()["data"]
        return entries

    async def titles(self, order: Json, who: Principal | None = None) -> list[str]:
        """The titles of the order's timeline."""
        return [entry["title"] for entry in await self.story(order, who)]

    def paid(self, order: Json, **changes: Any) -> billing.CheckoutPaid:
        """The fact that this order was paid."""
        facts = {
            "checkout_id": f"chk_of_{order['id'][4:]}",
            "order_id": order["id"],
            "account_id": self.ada.account_id,
            "amount_minor": order["total"]["amount_minor"],
            "currency": order["currency"],
            "stripe_subscription_id": "sub_1",
            "paid_at": self.clock.now(),
        }
        return billing.CheckoutPaid.model_validate(facts | changes)

    def expired(self, order: Json) -> billing.CheckoutExpired:
        """The fact that the payment page closed unpaid."""
        return billing.CheckoutExpired(checkout_id="chk_x", order_id=order["id"], account_id=str(self.ada.account_id))

    def failed(self, order: Json, *, minutes: int = 0, code: str = "card_declined") -> billing.PaymentFailed:
        """The fact that an attempt to pay was refused."""
        return billing.PaymentFailed(
            order_id=order["id"],
            account_id=str(self.ada.account_id),
            code=code,
            message=f"Your card was declined ({minutes}).",
            failed_at=self.clock.now() + timedelta(minutes=minutes),
        )

    def mismatched(self, order: Json, **changes: Any) -> billing.PaymentMismatched:
        """The fact that money arrived that billing refuses to count."""
        facts = {
            "checkout_id": "chk_wrong",
            "order_id": order["id"],
            "account_id": self.ada.account_id,
            "reason": "the amount differs",
            "expected_minor": order["total"]["amount_minor"],
            "expected_currency": "EUR",
            "received_minor": 1,
            "received_currency": "EUR",
        }
        return billing.PaymentMismatched.model_validate(facts | changes)

    def _resource(self, order: Json, index: int, service_id: str | None) -> Json:
        right = order["entitlements"][index]
        return {
            "resource_id": service_id or f"svc_{right['id'][4:]}",
            "entitlement_id": right["id"],
            "order_id": order["id"],
            "account_id": self.ada.account_id,
            "name": "web",
            "version": 3,
        }

    def running(self, order: Json, index: int = 0, service_id: str | None = None) -> provisioning.ResourceActivated:
        """The fact that the service of an entitlement runs."""
        facts = self._resource(order, index, service_id) | {
            "product_type": "vps",
            "plan_name": "VPS M",
            "ipv4": "10.0.0.9",
            "activated_at": rfc3339(self.clock.now()),
        }
        return provisioning.ResourceActivated.model_validate(facts)

    def undeliverable(self, order: Json, index: int = 0) -> provisioning.ResourceFailed:
        """The fact that the service of an entitlement could not be delivered without help."""
        return provisioning.ResourceFailed.model_validate(
            self._resource(order, index, None) | {"reason": "no room on any node"}
        )


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def catalog_settings(fresh_database: TestDatabase) -> CatalogSettings:
    return CatalogSettings(
        environment="test",
        token_keys=TOKEN_KEYS,
        database_url=SecretStr(fresh_database.url("catalog")),
        signing_key=SecretStr(PRIVATE_KEYS["catalog"]),
        billing_url="http://billing.test",
    )


@asynccontextmanager
async def opened(settings: CatalogSettings, clock: FrozenClock) -> AsyncIterator[Shop]:
    """Catalog with these settings, and a billing to ask."""
    stand_in = BillingStandIn()
    outgoing = httpx.AsyncClient(transport=httpx.ASGITransport(stand_in), base_url="http://billing.test")
    checkouts = BillingCheckouts(outgoing, TokenSigner(PRIVATE_KEYS["catalog"]))
    service = create_service(settings, LocalTransport(LocalBroker()), clock=clock, checkouts=checkouts)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(service.app, raise_app_exceptions=False), base_url="http://catalog.test"
    ) as client:
        yield Shop(service, clock, stand_in, client, load_types(settings.product_types))
    await checkouts.close()
    await service.database.close()


@pytest_asyncio.fixture
async def empty_shop(catalog_settings: CatalogSettings, clock: FrozenClock) -> AsyncIterator[Shop]:
    """Catalog without any plan."""
    async with opened(catalog_settings, clock) as shop:
        yield shop


@pytest_asyncio.fixture
async def shop(empty_shop: Shop) -> Shop:
    """Catalog with the seeded plans, all of their prices known to Stripe."""
    await empty_shop.seed()
    async with empty_shop.database.work() as work:
        await work.session.execute(
            update(Price).values(stripe_product_id="prod_1", stripe_price_id="price_1", synced_version=2)
        )
    return empty_shop
