"""Orders of several items, from the page to what Stripe renews of them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.catalog import EntitlementEnded, EntitlementRestored, ItemDelivered, PlanPrice, PlanPublished
from shared.kernel import new_id
from tests.api.billing.conftest import Shop, stripe_events
from tests.support.callers import service_bearer
from tests.support.stripe_sandbox import RunningSandbox


@dataclass
class Line:
    """One item of an order, at a price of its own unless one is given."""

    interval: str = "month"
    quantity: int = 1
    amount: int = 1000
    fee: int = 0
    price_id: str = field(default_factory=lambda: new_id("prc"))
    item_id: str = field(default_factory=lambda: new_id("itm"))

    @property
    def body(self) -> dict[str, Any]:
        return {
            "price_id": self.price_id,
            "description": f"Thing by the {self.interval}",
            "quantity": self.quantity,
            "unit_amount_minor": self.amount,
            "setup_fee_minor": self.fee,
            "interval": self.interval,
            "item_id": self.item_id,
        }


@dataclass
class Cart:
    """An order that was asked to be paid."""

    shop: Shop
    sandbox: RunningSandbox
    lines: list[Line]
    account_id: str
    order_id: str = field(default_factory=lambda: new_id("ord"))
    session_id: str = ""

    @property
    def total(self) -> int:
        return sum(line.quantity * (line.amount + line.fee) for line in self.lines)

    def body(self) -> dict[str, Any]:
        return {
            "order_id": self.order_id,
            "order_number": "EZ-2001",
            "account_id": self.account_id,
            "currency": "EUR",
            "total_minor": self.total,
            "expires_at": (datetime.now(UTC) + timedelta(hours=12)).isoformat(),
            "lines": [line.body for line in self.lines],
        }

    async def open(self) -> "Cart":
        """Opens its page."""
        headers = service_bearer("catalog", "billing")
        answer = await self.shop.billing.client.post("/internal/checkouts", json=self.body(), headers=headers)
        assert answer.status_code == 200, answer.text
        self.session_id = str((await self.row())["stripe_session_id"])
        return self

    async def pay(self, outcome: str = "success", **more: Any) -> "Cart":
        """Pays, and lets billing hear of it."""
        await self.sandbox.pay(self.session_id, outcome, **more)
        await hear_stripe(self.shop, self.sandbox)
        return self

    async def row(self) -> dict[str, Any]:
        """Its checkout."""
        rows = await self.shop.billing.rows("checkouts ORDER BY id")
        return rows[-1]

    async def deliver(self, *lines: Line, at: datetime | None = None, settled: bool = True) -> None:
        """The items run; the tasks that follow are carried out, unless a test does so itself."""
        moment = at or datetime.now(UTC)
        for line in lines or self.lines:
            await self.shop.billing.hear(
                ItemDelivered(
                    item_id=line.item_id, order_id=self.order_id, account_id=self.account_id, delivered_at=moment
                )
            )
        if settled:
            await self.settle()

    async def end(self, line: Line, entitlement_id: str, version: int = 2, *, restored: bool = False) -> None:
        """A unit of an item ends, or comes back."""
        kind = EntitlementRestored if restored else EntitlementEnded
        await self.shop.billing.hear(
            kind(
                entitlement_id=entitlement_id,
                order_id=self.order_id,
                item_id=line.item_id,
                account_id=self.account_id,
                reason="asked for",
                version=version,
            )
        )
        await self.settle()

    async def settle(self) -> None:
        """Carries out what is wanted of Stripe and hears what came of it."""
        await self.shop.billing.run_tasks()
        await hear_stripe(self.shop, self.sandbox)
        await self.shop.billing.run_tasks()

    async def subscriptions(self) -> list[dict[str, Any]]:
        """What Stripe has of it, ended or not, the oldest first."""
        answer = await self.sandbox.control.get("/v1/subscriptions", params={"status": "all", "limit": 100})
        return [made for made in answer.json()["data"] if made["metadata"].get("order_id") == self.order_id][::-1]

    async def facts(self, name: str) -> list[dict[str, Any]]:
        """The facts of this kind about it."""
        return [
            fact for fact in await self.shop.billing.facts(f"billing.{name}") if fact.get("order_id") == self.order_id
        ]


async def hear_stripe(shop: Shop, sandbox: RunningSandbox) -> None:
    """Delivers every event that is new, and applies it."""
    known = {row["id"] for row in await shop.billing.rows("stripe_events", "id")}
    for event in await stripe_events(sandbox):
        if event["id"] not in known:
            assert (await shop.billing.deliver(event)).status_code == 200
    await shop.billing.process()


async def cart(shop: Shop, sandbox: RunningSandbox, *lines: Line, account_id: str | None = None) -> Cart:
    """An order of these lines, whose prices Stripe knows, with an open page."""
    prices = {line.price_id: line for line in lines}
    published = PlanPublished(
        plan_id=new_id("pln"),
        code="things",
        name="Things",
        description="",
        product_type="vps",
        version=1,
        prices=tuple(
            PlanPrice(
                price_id=price_id,
                currency="EUR",
                interval=line.interval,
                amount_minor=line.amount,
                setup_fee_minor=line.fee,
            )
            for price_id, line in prices.items()
        ),
    )
    await shop.billing.hear(published)
    await shop.billing.run_tasks()
    return await Cart(shop, sandbox, list(lines), account_id or await shop.account()).open()
