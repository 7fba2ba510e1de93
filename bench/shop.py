"""A customer of the distributed form: orders over the public API, pays at the Stripe sandbox."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

from bench.product import Product
from ez.seeding import CUSTOMER

_PATIENCE = 60.0


class Shop:
    """One signed-in customer. Uses what anybody's program could use, but for the sandbox's own way to pay."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._session: aiohttp.ClientSession | None = None
        self._token = ""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        answer = await self._api("/api/v1/sessions", {"email": CUSTOMER.email, "password": CUSTOMER.password})
        self._token = str(answer["token"])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def _api(self, path: str, body: Any = None) -> Any:
        """One POST; what passes (a price not yet at Stripe, a service starting) is waited for."""
        assert self._session is not None
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        deadline = time.monotonic() + _PATIENCE
        while True:
            async with self._session.post(
                self._product.address("gateway") + path, json=body, headers=headers
            ) as answer:
                said = await answer.text()
                if answer.ok:
                    return await answer.json()
            passing = answer.status == 503 or "plan-not-ready" in said
            if not passing or time.monotonic() > deadline:
                raise RuntimeError(f"{path} answered {answer.status}: {said[:500]}")
            await asyncio.sleep(0.2)

    async def order(self) -> tuple[str, str]:
        """Places an order and opens its checkout; the order's id and its session at Stripe."""
        item = {"plan": "vps-s", "interval": "month", "hostname": "bench"}
        order = await self._api("/api/v1/orders", {"currency": "EUR", "items": [item]})
        checkout = await self._api(f"/api/v1/orders/{order['id']}/checkout")
        return str(order["id"]), str(checkout["url"]).rstrip("/").rsplit("/", 1)[-1]

    async def orders(self, count: int) -> list[tuple[str, str]]:
        """So many orders, ready to be paid."""
        first = await self.order()  # waits until Stripe knows the price
        found = [first]
        while len(found) < count:
            found += await asyncio.gather(*(self.order() for _ in range(min(4, count - len(found)))))
        return found

    async def pay(self, session: str) -> None:
        """Pays one session."""
        assert self._session is not None
        key = self._product.environment["BILLING_STRIPE_SECRET_KEY"]
        url = f"{self._product.address('stripe')}/_sandbox/checkout/{session}/pay"
        headers = {"Authorization": f"Bearer {key}"}
        async with self._session.post(url, json={"outcome": "success"}, headers=headers) as answer:
            if not answer.ok:
                raise RuntimeError(f"paying answered {answer.status}: {(await answer.text())[:500]}")

    async def pay_at(self, orders: Sequence[tuple[str, str]], rate: float) -> dict[str, float]:
        """Pays them one after the other, `rate` a second; when (Unix time) each payment was begun, by order."""
        began, paid = time.time(), {}
        paying = []
        for number, (order, session) in enumerate(orders):
            await asyncio.sleep(max(0.0, began + number / rate - time.time()))
            paid[order] = time.time()
            paying.append(asyncio.create_task(self.pay(session)))
        await asyncio.gather(*paying)
        return paid

    async def undelivered(self) -> int:
        """How many of Stripe's events still wait to be delivered to us."""
        assert self._session is not None
        headers = {"Authorization": f"Bearer {self._product.environment['BILLING_STRIPE_SECRET_KEY']}"}
        url = f"{self._product.address('stripe')}/_sandbox/deliveries?state=pending"
        async with self._session.get(url, headers=headers) as answer:
            return len((await answer.json())["data"])
