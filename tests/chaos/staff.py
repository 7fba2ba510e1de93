"""A member of staff who suspends, resumes, changes, ends and restores rights while everything around them fails."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from ez.seeding import STAFF
from tests.chaos.client import Answer, Answers, Client, GaveUp
from tests.chaos.customers import PATIENCE
from tests.chaos.orders import Order

_AT_ONCE = 3
_ADDRESS = "127.2.0.1"
_REASON = {"reason": "Decided in a storm"}


class Staff:
    """Decides about the first unit of each order whose plan says so, as soon as the order is fulfilled."""

    def __init__(self, url: str, answers: Answers, orders: Sequence[Order], seed: int) -> None:
        self._client = Client(url, answers, _ADDRESS, f"{seed}/staff")
        self._orders = [order for order in orders if order.decisions]
        self._room = asyncio.Semaphore(_AT_ONCE)
        self.violations: list[str] = []
        self.decided: Counter[str] = Counter()

    async def work(self) -> None:
        """Decides everything there is to decide; an order that its customer gave up is left alone."""
        try:
            await self._sign_in()
            await asyncio.gather(*(self._follow(order) for order in self._orders))
        finally:
            await self._client.close()

    async def _sign_in(self) -> None:
        login = {"email": STAFF.email, "password": STAFF.password}
        opened = await self._client.patiently("POST", "/api/v1/sessions", login, patience=PATIENCE)
        if opened.status != 201:
            raise GaveUp(f"staff cannot sign in: {opened.status} {opened.text}")
        self._client.token = opened.body["token"]

    async def _follow(self, order: Order) -> None:
        while order.status != "fulfilled":
            if order.gave_up is not None:
                return
            await asyncio.sleep(0.5)
        async with self._room:
            try:
                order.unit = await self._first_unit(order)
                for number, verb in enumerate(order.decisions):
                    await self._decide(order, number, verb)
            except GaveUp as error:
                self.violations.append(f"order {order.number}: staff could not {'/'.join(order.decisions)}: {error}")

    async def _first_unit(self, order: Order) -> str:
        found = await self._client.patiently("GET", f"/api/v1/staff/orders/{order.id}", patience=PATIENCE)
        if found.status != 200:
            raise GaveUp(f"{found.status} {found.text[:300]}")
        units = [right for right in found.body["entitlements"] if right["name"].startswith(order.hostname)]
        return str(min(units, key=lambda right: right["name"])["id"])

    async def _decide(self, order: Order, number: int, verb: str) -> None:
        path, key = f"/api/v1/staff/entitlements/{order.unit}/{verb}", f"{order.key}-{number}-{verb}"
        body = _REASON | ({"plan": str(order.larger_plan)} if verb == "change" else {})
        answer = await self._post(path, body, key)
        if answer.slug == "fresh-proof-needed":
            await self._sign_in()
            answer = await self._post(path, body, key)
        if answer.status != 200:
            raise GaveUp(f"{answer.status} {answer.text[:300]}")
        self.decided[verb] += 1

    async def _post(self, path: str, body: dict[str, str], key: str) -> Answer:
        return await self._client.patiently("POST", path, body, key=key, patience=PATIENCE)
