"""What happens after a payment, by the clock: the steps of a delivery and where each service is by now."""

import time
from datetime import UTC, datetime

from tests.web.fake_data import Json, World, entry, stamp
from tests.web.fake_routing import find
from tests.web.fake_scenarios import STEP_COUNT, built, due_steps


def pay(world: World, order_id: str) -> None:
    """What Stripe and the webhook do together, and the delivery that follows."""
    order = find(world.orders, order_id)
    assert order
    if order["status"] != "awaiting_payment":
        return
    now = stamp(datetime.now(UTC))
    order |= {"status": "paid", "paid_at": now, "payment_problem": None}
    kept = [step for step in world.timelines[order_id] if step["state"] != "waiting"]
    world.timelines[order_id] = [
        *kept,
        entry(now, "Payment confirmed", "Amount, currency and customer match the order"),
    ]
    service = world.service(order, "pending")
    service["_paid_clock"] = time.monotonic()


def progress(world: World) -> None:
    """Moves every delivery that is under way to where it is by now."""
    for service in world.services:
        if "_paid_clock" not in service or service["status"] == "active":
            continue
        done = due_steps(time.monotonic() - service["_paid_clock"], world.tick)
        now = stamp(datetime.now(UTC))
        if done >= STEP_COUNT:
            order = find(world.orders, service["order_id"])
            assert order
            service |= {"status": "active", "power": "running", "ipv4": "203.0.113.99", "activated_at": now}
            world.timelines[service["id"]] = built(0, STEP_COUNT)
            order |= {"status": "fulfilled", "fulfilled_at": now}
            world.timelines[order["id"]].append(entry(now, "Fulfilled"))
        else:
            service["status"] = "provisioning"
            current = built(0, done + 1)[-1] | {"state": "active", "detail": "Working on it"}
            world.timelines[service["id"]] = built(0, done, current)


def timeline_of(world: World, owner: str) -> list[Json]:
    progress(world)
    return world.timelines.get(owner, [])
