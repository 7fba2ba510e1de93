"""What happens after a payment, by the clock: the steps of a delivery and where each service is by now."""

import time

from shared.contracts.reads.provisioning import AccessView
from tests.web.fake_data import REBOOT, STOP, World, copies, entry, now
from tests.web.fake_routing import find
from tests.web.fake_scenarios import STEP_COUNT, built, due_steps


def pay(world: World, order_id: str) -> None:
    """What Stripe and the webhook do together, and the delivery that follows."""
    order = find(world.orders, order_id)
    assert order
    if order.status != "awaiting_payment":
        return
    order.status, order.paid_at, order.payment_problem = "paid", now(), None
    order.timeline = [
        *(step for step in order.timeline if step.state != "waiting"),
        entry(now(), "Payment confirmed", "Amount, currency and customer match the order"),
    ]
    world.service(order, "setting_up").paid_at = time.monotonic()


def progress(world: World) -> None:
    """Moves every delivery that is under way to where it is by now."""
    for service in world.services:
        if service.paid_at is None or service.state == "running":
            continue
        done = due_steps(time.monotonic() - service.paid_at, world.tick)
        if done >= STEP_COUNT:
            order = find(world.orders, service.order_id)
            service.timeline = built(0, STEP_COUNT)
            service.state, service.status, service.power, service.activated_at = "running", "active", "running", now()
            service.address, service.actions = "203.0.113.99", copies([REBOOT, STOP])
            service.access = AccessView(command="ssh root@203.0.113.99", note="With your key.")
            order.status, order.fulfilled_at = "fulfilled", now()
            order.timeline.append(entry(now(), "Fulfilled"))
        else:
            current = built(0, done + 1)[-1].model_copy(update={"state": "active", "detail": "Working on it"})
            service.timeline = built(0, done, current)
