"""An order of things that renew differently: paid on one page, and from then on each group lives by itself."""

from collections import Counter
from typing import Any

from ez.demo.steps import Api, DemoFailed, Place, delivered, order, pay, say, sign_up, wait_for

# Two monthly servers, one of them with a set-up fee, and a yearly one.
ITEMS: list[dict[str, Any]] = [
    {"plan": "vps-s", "interval": "month", "configuration": {"hostname": "web.example.com"}},
    {"plan": "vps-xl", "interval": "month", "configuration": {"hostname": "db.example.com"}},
    {"plan": "vps-m", "interval": "year", "configuration": {"hostname": "mail.example.com"}},
]


def run(place: Place, _plan: str) -> None:
    """Raises DemoFailed unless three machines run and two subscriptions renew them, each its own."""
    api = Api(place.url)
    print("Buying two monthly servers and a yearly one, with a set-up fee, on one page")
    sign_up(api)
    quote = api("POST", "/api/v1/quotes", {"currency": "EUR", "items": ITEMS})
    placed = order(api, ITEMS)
    if placed["total"] != quote["due_now"]:
        raise DemoFailed(f"quoted {quote['due_now']}, ordered at {placed['total']}")
    say(f"due now: {_amount(placed['total'])}, of which set-up {_fees(placed)}")
    pay(api, placed["id"])
    services = delivered(api, placed["id"])
    subscriptions = wait_for("both subscriptions", lambda: _of(api, placed["id"], 2))
    items = {item["id"]: item for item in placed["items"]}
    print()
    for subscription in subscriptions:
        names = ", ".join(items[item_id]["name"] for item_id in subscription["item_ids"])
        until = str(subscription["next_charge_at"])[:10]
        print(f"    per {subscription['interval']}: {_amount(subscription['total'])} on {until} for {names}")
        if {items[item_id]["interval"] for item_id in subscription["item_ids"]} != {subscription["interval"]}:
            raise DemoFailed("a subscription renews an item of another interval")
    if sorted(item for one in subscriptions for item in one["item_ids"]) != sorted(items):
        raise DemoFailed("every item renews once, and only once")
    machines = Counter(len(place.machines_of(service["id"])) for service in services)
    if machines != {1: 3}:
        raise DemoFailed(f"expected three services with one machine each, found {dict(machines)}")
    print(f"\n  3 services run on 3 machines; {len(subscriptions)} subscriptions renew them, each its own.")


def _of(api: Api, order_id: str, count: int) -> list[dict[str, Any]] | None:
    found = [one for one in api("GET", "/api/v1/subscriptions")["data"] if one["order_id"] == order_id]
    ready = [one for one in found if one["next_charge_at"] is not None]
    return ready if len(ready) == count else None


def _amount(money: dict[str, Any]) -> str:
    return f"{money['amount_minor'] / 100:.2f} {money['currency']}"


def _fees(placed: dict[str, Any]) -> str:
    total = sum(item["setup_fee"]["amount_minor"] * item["quantity"] for item in placed["items"])
    if not total:
        raise DemoFailed("the order has no set-up fee")
    return _amount({"amount_minor": total, "currency": placed["currency"]})
