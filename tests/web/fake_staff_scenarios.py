"""What staff find: the queue, Stripe's events, dead letters, mail; and an account with fifty of everything."""

from typing import Any

from tests.web.fake_data import LONG_NAME, MANY, Json, World, ago, new_id
from tests.web.fake_scenarios import built, customer_world, invoice, message, ticket


def build_world(**settings: Any) -> World:
    world = customer_world(**settings)
    _staff(world)
    _many(world)
    return world


def job(world: World, service: Json, state: str, **given: Any) -> Json:
    found = {
        "id": new_id("job"),
        "kind": given.get("kind", "create_vps"),
        "state": state,
        "attempts": given.get("attempts", 1),
        "max_attempts": 8,
        "next_attempt_at": given.get("next_attempt_at"),
        "last_error": given.get("last_error"),
        "failure_class": given.get("failure_class"),
        "service": {"id": service["id"], "name": service["name"], "status": service["status"]},
        "account_id": service["account_id"],
        "created_at": service["created_at"],
        "finished_at": given.get("finished_at"),
        "steps": given.get("steps", []),
    }
    world.jobs.insert(0, found)
    return found


def _staff(world: World) -> None:
    by_id = {service["id"]: service for service in world.services}
    failed, delayed = by_id[world.named["service_failed"]], by_id[world.named["service_delayed"]]
    names = ["look_up", "clone", "configure", "start", "verify"]

    def steps(done: int, state: str, error: str | None) -> list[Json]:
        return [
            {
                "name": name,
                "state": "done" if index < done else state if index == done else "pending",
                "started_at": ago(minutes=30 - index) if index <= done else None,
                "finished_at": ago(minutes=29 - index) if index < done else None,
                "detail": error if index == done else None,
            }
            for index, name in enumerate(names)
        ]

    full = "clone 9000: 500 storage 'local-lvm' has no space left (requested 25 GB, 3.1 GB available)"
    for service in world.services:
        if service["status"] == "active":
            job(world, service, "done", finished_at=service["activated_at"], steps=steps(5, "done", None))
    silent = job(world, delayed, "ready", attempts=4, next_attempt_at=ago(minutes=-2), failure_class="transient",
                 last_error="connect timeout to hypervisor after 10 s", steps=steps(1, "pending", None))  # fmt: skip
    dead = job(world, failed, "dead", attempts=8, last_error=full, failure_class="needs_human",
               steps=steps(1, "failed", full))  # fmt: skip
    world.named |= {"job_dead": dead["id"], "job_pending": silent["id"]}
    for index, (kind, state) in enumerate(
        [("checkout.session.completed", "done"), ("invoice.paid", "done"), ("invoice.payment_failed", "dead")]
    ):
        world.stripe_events.insert(0, {
            "id": f"evt_1QK{index}aZkQ2eZvKYlo2C", "type": kind, "state": state,
            "attempts": 8 if state == "dead" else 1,
            "received_at": ago(minutes=30 - index), "processed_at": None if state == "dead" else ago(minutes=29),
            "stripe_created_at": ago(minutes=30), "order_id": world.named["order_declined"],
            "last_error": "no order with this checkout session" if state == "dead" else None,
            "payload": {"type": kind, "data": {"object": {"id": "cs_test_a1", "note": "</pre><script>alert(1)"}}},
        })  # fmt: skip
    world.named["event_dead"] = world.stripe_events[0]["id"]
    world.letters = {
        "support": [{
            "queue": "mail", "id": new_id("ntf"), "label": "receipt → ada@example.com", "attempts": 8,
            "failure_class": "permanent", "last_error": "550 mailbox unavailable", "died_at": ago(hours=2),
        }],
        "catalog": [{
            "queue": "catalog.events", "id": new_id("evt"), "label": "billing.checkout.paid.v1", "attempts": 10,
            "failure_class": "transient", "last_error": "could not serialize access due to concurrent update",
            "died_at": ago(minutes=50),
        }],
    }  # fmt: skip
    for template, state in (("verify_email", "sent"), ("welcome", "sent"), ("receipt", "dead")):
        world.notifications.insert(0, {
            "id": new_id("ntf"), "template": template, "recipient": "ada@example.com", "state": state,
            "created_at": ago(hours=2), "sent_at": ago(hours=2) if state == "sent" else None,
            "attempts": 1 if state == "sent" else 8,
            "last_error": None if state == "sent" else "550 mailbox unavailable",
        })  # fmt: skip


def _many(world: World) -> None:
    """Fifty of everything, with names as long as people make them."""
    for index in range(50):
        name = LONG_NAME if index == 0 else f"node-{index:02d}.cluster.example.com"
        at = ago(hours=50 - index)
        order = world.order(MANY, "fulfilled", "vps-m", hostname=name, created_at=at, paid_at=at, fulfilled_at=at)
        service = world.service(
            order, "active", ipv4=f"198.51.100.{index + 1}", activated_at=at, timeline=built(60 * (50 - index), 6)
        )
        invoice(world, MANY, "paid", order, at)
        job(world, service, "done", finished_at=at)
        if index == 0:
            world.named["service_long"] = service["id"]
            world.named["order_long"] = order["id"]
        ticket(world, MANY, f"Question {index} about {name}", "answered",
               [message("customer", "Maximiliana", "x" * 300, at), message("staff", "Grace", "Done.", at)])  # fmt: skip
