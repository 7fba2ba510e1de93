"""The world as the preview and the tests find it: one customer with everything, one with nothing, one with a lot."""

from datetime import timedelta
from typing import Any

from tests.web.fake_data import ADA, MANY, NEO, Json, World, ago, entry, new_id

_PAID = "Amount, currency and customer match the order"
_BUILT = [
    ("Queued for delivery", None),
    ("Looked for an existing server", "None with this reference, so it is safe to create one"),
    ("Server created", "Copied from Debian 12"),
    ("Address assigned", "203.0.113.24"),
    ("Server started", None),
    ("Handed over", "It answered, so it is called active"),
]


def customer_world(**settings: Any) -> World:
    world = World(**settings)
    world.user("ada@example.com", "Ada Lovelace", ADA)
    world.user("neo@example.com", "Neo Newcomer", NEO)
    world.user("many@example.com", "Maximiliana Konstantinopolitanskaya-Featherstonehaugh", MANY)
    world.user("staff@example.com", "Grace Hopper", None, ("support", "admin"))
    _orders(world)
    _services(world)
    _tickets(world)
    _invoices(world)
    return world


def _orders(world: World) -> None:
    names = world.named
    expired = world.order(ADA, "expired", created_at=ago(days=9))
    world.steps(expired, entry(ago(days=8), "Expired unpaid", "Nothing was charged"))
    names["order_expired"] = expired["id"]
    canceled = world.order(ADA, "canceled", created_at=ago(days=6))
    world.steps(canceled, entry(ago(days=6), "Canceled by you", None))
    names["order_canceled"] = canceled["id"]
    review = world.order(ADA, "under_review", "vps-l", created_at=ago(hours=3))
    world.steps(
        review,
        entry(ago(hours=3), "Payment received", "€23.00 by card"),
        entry(ago(hours=3), "Under review", "The payment’s currency differs from the order’s", "active"),
    )
    names["order_under_review"] = review["id"]
    declined = world.order(
        ADA,
        "awaiting_payment",
        "vps-m",
        payment_problem={"code": "card_declined", "message": "Your card was declined by your bank."},
        created_at=ago(minutes=22),
    )
    world.steps(
        declined,
        entry(ago(minutes=20), "Payment declined", "Your card was declined by your bank.", "failed"),
        entry(None, "Payment", "Waiting for you", "waiting"),
    )
    names["order_declined"] = declined["id"]
    waiting = world.order(ADA, "awaiting_payment", "vps-l", interval="year", created_at=ago(minutes=4))
    world.steps(waiting, entry(None, "Payment", "Waiting for you", "waiting"))
    names["order_awaiting_payment"] = waiting["id"]


def _paid(world: World, minutes: float, **given: Any) -> Json:
    order = world.order(ADA, "paid", created_at=ago(minutes=minutes + 2), paid_at=ago(minutes=minutes), **given)
    world.steps(order, entry(ago(minutes=minutes), "Payment confirmed", _PAID))
    return order


def built(minutes: float, upto: int, ending: Json | None = None) -> list[Json]:
    """The first `upto` steps of a delivery begun so long ago, then `ending`, then what is still to come."""
    steps = [
        entry(ago(minutes=minutes - 0.05 * index), title, detail) for index, (title, detail) in enumerate(_BUILT[:upto])
    ]
    if ending is not None:
        steps.append(ending)
        steps += [entry(None, title, None, "waiting") for title, _ in _BUILT[upto + 1 :]]
    return steps


def _services(world: World) -> None:
    names = world.named
    done = _paid(world, 60 * 24 * 12, hostname="shop.example.com")
    done |= {"status": "fulfilled", "fulfilled_at": ago(days=12)}
    active = world.service(done, "active", activated_at=ago(days=12), timeline=built(60 * 24 * 12, 6))
    names |= {"order_fulfilled": done["id"], "service_active": active["id"]}

    pair = _paid(world, 90, hostname="worker.example.com", quantity=2)
    pair |= {"status": "fulfilled", "fulfilled_at": ago(minutes=88)}
    for index in (1, 2):
        world.service(
            pair, "active", name=f"worker-{index}.example.com", ipv4=f"203.0.113.{40 + index}",
            activated_at=ago(minutes=88), power="stopped" if index == 2 else "running",
            timeline=built(89.7, 6),
        )  # fmt: skip
    names |= {"order_pair": pair["id"], "service_stopped": world.services[0]["id"]}

    delayed = _paid(world, 25, hostname="delayed.example.com")
    trouble = entry(
        ago(minutes=1), "Creating the server", "The hypervisor is not answering. Next try in 2 minutes.", "active"
    )
    world.service(
        delayed, "provisioning", delayed=True, timeline=built(24, 2, trouble),
        message="The hypervisor is not answering.",
    )  # fmt: skip
    names |= {"order_delayed": delayed["id"], "service_delayed": world.services[0]["id"]}

    failed = _paid(world, 600, hostname="failed.example.com")
    ending = entry(ago(minutes=300), "Creating the server failed", "The storage is full. A person is on it.", "failed")
    world.service(failed, "failed", timeline=[*built(599, 2), ending], message="The storage of this location is full.")
    names |= {"order_failed": failed["id"], "service_failed": world.services[0]["id"]}

    going = _paid(world, 0.6, hostname="building.example.com")
    now = entry(ago(seconds=5), "Creating the server", "Copying Debian 12", "active")
    world.service(going, "provisioning", timeline=built(0.5, 2, now))
    names |= {"order_provisioning": going["id"], "service_provisioning": world.services[0]["id"]}

    late = _paid(world, 60 * 24 * 40, hostname="suspended.example.com")
    late |= {"status": "fulfilled", "fulfilled_at": ago(days=40)}
    world.service(
        late, "suspended", power="stopped", ipv4="203.0.113.77", activated_at=ago(days=40),
        timeline=[*built(60 * 24 * 40, 6), entry(ago(days=2), "Suspended", "An invoice is overdue", "failed")],
        message="An invoice is overdue. Pay it and the server starts again by itself.",
    )  # fmt: skip
    names["service_suspended"] = world.services[0]["id"]


def message(kind: str, name: str, body: str, at: str) -> Json:
    return {"id": new_id("msg"), "author": {"kind": kind, "name": name}, "body": body, "created_at": at}


def ticket(world: World, account: str, subject: str, status: str, messages: list[Json], **given: Any) -> Json:
    found = {
        "id": new_id("tkt"),
        "number": f"T-{200 + len(world.tickets)}",
        "subject": subject,
        "status": status,
        "priority": given.get("priority", "normal"),
        "service_id": given.get("service_id"),
        "service_name": given.get("service_name"),
        "account_id": account,
        "created_at": messages[0]["created_at"],
        "updated_at": messages[-1]["created_at"],
        "messages": messages,
    }
    world.tickets.insert(0, found)
    return found


def _tickets(world: World) -> None:
    closed = ticket(world, ADA, "How do I point my domain at the server?", "closed",
                    [message("customer", "Ada Lovelace", "Which record do I need?", ago(days=10)),
                     message("staff", "Grace", "An A record with your service’s address.", ago(days=10))])  # fmt: skip
    answered = ticket(
        world,
        ADA,
        "failed.example.com could not be delivered",
        "answered",
        [
            message("system", "EZ Solutions", "Delivery failed: the storage of this location is full.", ago(hours=5)),
            message("customer", "Ada Lovelace", "Is my money safe?\n\nI need it by <b>Friday</b>.", ago(hours=4)),
            message("staff", "Grace", "Yes. We add storage today; you will not pay twice.", ago(hours=3)),
        ],
        service_id=world.named["service_failed"],
        service_name="failed.example.com",
        priority="high",
    )  # fmt: skip
    world.named |= {"ticket_closed": closed["id"], "ticket_answered": answered["id"]}


def invoice(world: World, account: str, status: str, order: Json, at: str) -> Json:
    number = None if status == "draft" else f"INV-2026-{len(world.invoices) + 1:04d}"
    paid = status == "paid"
    found = {
        "id": new_id("inv"),
        "number": number,
        "status": status,
        "order_id": order["id"],
        "total": order["total"],
        "amount_paid": order["total"] if paid else {**order["total"], "amount_minor": 0},
        "currency": order["currency"],
        "created_at": at,
        "paid_at": at if paid else None,
        "hosted_invoice_url": f"{world.checkout_origin}/invoice/{number}",
        "pdf_url": f"{world.checkout_origin}/invoice/{number}/pdf",
        "account_id": account,
    }
    world.invoices.insert(0, found)
    return found


def _invoices(world: World) -> None:
    fulfilled = [order for order in world.orders if order["status"] == "fulfilled"]
    for order in fulfilled:
        world.named["invoice_paid"] = invoice(world, ADA, "paid", order, order["paid_at"])["id"]
    world.named["invoice_open"] = invoice(world, ADA, "open", fulfilled[0], ago(days=9))["id"]


def due_steps(elapsed: float, tick: float) -> int:
    """How many steps of a delivery have happened after `elapsed` seconds."""
    return min(len(_BUILT), int(timedelta(seconds=elapsed).total_seconds() // tick))


STEP_COUNT = len(_BUILT)
