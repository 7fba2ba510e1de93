"""Customers over the public API: each clicks everything eight times, and repeats what was not answered."""

import asyncio
import re
import secrets
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import aiohttp

from tests.chaos.client import Answer, Answers, Client, GaveUp
from tests.chaos.orders import MISMATCHES, Order

CLICKS = 8
PAYMENTS = 3
# Longer than any single outage of a run, and than the waits between two attempts inside the house.
PATIENCE = 240.0
_GOOD_CARD, _BAD_CARD = "4242424242424242", "4000000000000002"
_ORDERS_PER_ACCOUNT = 10
_LINK = re.compile(r"/verify\?token=([\w%.~-]+)")


class Shop:
    """What all customers share: where things are, the orders still to place, the answers so far."""

    def __init__(self, url: str, mail_url: str, stripe_url: str, stripe_key: str, wanted: Sequence[Order]) -> None:
        self.url = url
        self.mail_url = mail_url
        self.stripe_url = stripe_url
        self.stripe_key = stripe_key
        self.orders = list(wanted)
        self.answers = Answers()
        self.violations: list[str] = []
        self.begun = 0
        self.finished = 0
        self.accounts = 0
        self._waiting = list(reversed(self.orders))
        self._opened = time.monotonic()

    async def next(self, rate: float) -> Order | None:
        """The next order, not before its time: `rate` orders per second are begun."""
        if not self._waiting:
            return None
        order = self._waiting.pop()
        await asyncio.sleep(max(0.0, self._opened + (order.number - 1) / rate - time.monotonic()))
        self.begun += 1
        return order

    def open(self) -> None:
        """From now on orders are begun."""
        self._opened = time.monotonic()


class Customer:
    """Signs up, orders, pays, signs up again as somebody else after a few orders."""

    def __init__(self, shop: Shop, number: int, seed: int) -> None:
        self._shop = shop
        self._number = number
        self._seed = seed
        self._client: Client | None = None
        self._email = ""
        self._charged_foreign = False
        # A connection each: one that lay idle may be closed by the server just as a payment is sent over it.
        self._pages = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(total=30)
        )

    async def shop_until_closing(self, rate: float) -> None:
        """Places orders until none is left."""
        placed = 0
        try:
            while (order := await self._shop.next(rate)) is not None:
                try:
                    foreign = order.behaviour == "charged in another currency"
                    # Stripe neither opens a page nor starts a subscription for whom it charges in another currency,
                    # so whoever is charged in one buys nothing else.
                    if placed % _ORDERS_PER_ACCOUNT == 0 or foreign or self._charged_foreign:
                        await self._become_somebody()
                    self._charged_foreign = foreign
                    placed += 1
                    await self._buy(order)
                except GaveUp as error:
                    order.gave_up = str(error)
                    self._shop.violations.append(f"order {order.number} ({order.behaviour}) was given up: {error}")
                finally:
                    self._shop.finished += 1
        finally:
            await self._pages.close()
            if self._client is not None:
                await self._client.close()

    @property
    def _api(self) -> Client:
        assert self._client is not None
        return self._client

    async def _become_somebody(self) -> None:
        if self._client is not None:
            await self._client.close()
        self._shop.accounts += 1
        account = self._shop.accounts
        address = f"127.1.{account // 250}.{account % 250 + 1}"
        self._client = Client(self._shop.url, self._shop.answers, address, f"{self._seed}/{account}")
        self._email, password = f"chaos-{account}@customers.example", secrets.token_urlsafe(18)
        someone = {"email": self._email, "password": password, "name": f"Customer {account}"}
        self._must(await self._api.patiently("POST", "/api/v1/users", someone, patience=PATIENCE), 202)
        token = await self._mailed_token()
        verified = await self._api.patiently("POST", "/api/v1/users/verify", {"token": token}, patience=PATIENCE)
        if verified.slug != "verification-used":  # an earlier click whose answer was lost did it
            self._must(verified, 200)
        credentials = {"email": self._email, "password": password}
        opened = await self._api.patiently("POST", "/api/v1/sessions", credentials, patience=PATIENCE)
        self._must(opened, 201)
        self._api.token = opened.body["token"]

    async def _mailed_token(self) -> str:
        address = f"{self._shop.mail_url}/dev/mail/api/messages?to={quote(self._email)}"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            async with self._pages.get(address) as answer:
                mails = (await answer.json())["data"]
            found = [match for mail in mails if (match := _LINK.search(mail["text"]))]
            if found:
                return unquote(found[0][1])
            await asyncio.sleep(0.3)
        raise GaveUp(f"no verification mail for {self._email}")

    def _must(self, answer: Answer, *wanted: int) -> None:
        """An answer the customer did nothing to deserve is a violation, and the end of this order."""
        if answer.status not in wanted:
            self._shop.violations.append(
                f"{self._email}: expected {wanted}, was answered {answer.status} {answer.text}"
            )
            raise GaveUp(f"{answer.status} {answer.text[:300]}")

    async def _buy(self, order: Order) -> None:
        order.customer = self._email
        await asyncio.gather(*(self._place(order) for _ in range(CLICKS)))
        if len(order.ids) != 1:
            self._shop.violations.append(f"order {order.number}: {CLICKS} clicks made the orders {sorted(order.ids)}")
        await self._open_pages(order)
        match order.behaviour:
            case "pays":
                await self._pay(order, _GOOD_CARD)
            case "pays after a declined card":
                await self._pay(order, _BAD_CARD)
                await self._pay(order, _GOOD_CARD)
            case "cancels":
                await self._cancel(order)
            case "cancels while paying":
                await asyncio.gather(self._cancel(order), self._pay(order, _GOOD_CARD))
            case "abandons":
                pass
            case _:
                await self._pay_wrongly(order)
                await self._pay(order, _GOOD_CARD)

    async def _place(self, order: Order) -> None:
        answer = await self._api.patiently(
            "POST", "/api/v1/orders", order.body(), key=order.key, patience=PATIENCE, passing=("plan-not-ready",)
        )
        self._must(answer, 201)
        order.ids.add(answer.body["id"])
        order.answered += 1
        order.placed_at = order.placed_at or time.time()

    async def _open_pages(self, order: Order) -> None:
        answers = await asyncio.gather(
            *(
                self._api.patiently("POST", f"/api/v1/orders/{order.id}/checkout", patience=PATIENCE)
                for _ in range(CLICKS)
            )
        )
        for answer in answers:
            self._must(answer, 200)
            if answer.body["url"] not in order.pages:
                order.pages.append(answer.body["url"])

    async def _pay(self, order: Order, card: str) -> None:
        """Submits every page that was ever answered, several times at once, as a person with many tabs does."""
        attempts = [self._submit(page, card) for page in order.pages for _ in range(PAYMENTS)]
        if any(await asyncio.gather(*attempts)):
            order.paid_at = order.paid_at or time.time()

    async def _submit(self, page: str, card: str) -> bool:
        async with self._pages.post(page, data={"card": card}, allow_redirects=False) as answer:
            return "checkout=success" in answer.headers.get("location", "")

    async def _pay_wrongly(self, order: Order) -> None:
        session = urlsplit(order.pages[-1]).path.rstrip("/").rpartition("/")[2]
        charge = MISMATCHES[order.behaviour]
        address = f"{self._shop.stripe_url}/_sandbox/checkout/{session}/pay"
        body: dict[str, Any] = {"outcome": "success", "charge": charge}
        headers = {"Authorization": f"Bearer {self._shop.stripe_key}"}
        async with self._pages.post(address, json=body, headers=headers) as answer:
            answer.raise_for_status()
        order.paid_at = time.time()

    async def _cancel(self, order: Order) -> None:
        answer = await self._api.patiently(
            "POST", f"/api/v1/orders/{order.id}/cancel", key=f"{order.key}-cancel", patience=PATIENCE
        )
        if order.behaviour == "cancels while paying" and answer.slug == "order-not-cancelable":
            return
        self._must(answer, 200)
