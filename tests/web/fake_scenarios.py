"""The world as the preview and the tests find it: one customer with everything, one with nothing, one with a lot."""

from datetime import datetime, timedelta
from typing import Any

from shared.contracts.reads.billing import InvoiceView, SubscriptionView
from shared.contracts.reads.catalog import PaymentProblem, StaffOrderDetail
from shared.contracts.reads.identity import SshKeyView
from shared.contracts.reads.provisioning import ServiceTimelineEntry
from shared.contracts.reads.support import Author, StaffMessageView, StaffTicketDetail
from tests.web.fake_data import ADA, ED25519, MANY, NEO, Owned, World, ago, entry, money, new_id, now

_PAID = "Amount, currency and customer match the order"
_BUILT = [
    ("Queued for delivery", None),
    ("Looked for an existing server", "None with this reference, so it is safe to create one"),
    ("Server created", "Copied from Debian 12"),
    ("Address assigned", "203.0.113.24"),
    ("Server started", None),
    ("Handed over", "It answered, so it is called running"),
]
STEP_COUNT = len(_BUILT)


def customer_world(**settings: Any) -> World:
    world = World(**settings)
    world.user("ada@example.com", "Ada Lovelace", ADA)
    world.user("neo@example.com", "Neo Newcomer", NEO)
    world.user("many@example.com", "Maximiliana Konstantinopolitanskaya-Featherstonehaugh", MANY)
    world.user("rita@example.com", "Rita Reader", ADA, role="read_only")
    world.user("tom@example.com", "Tom Technical", ADA, role="technical")
    world.user("staff@example.com", "Grace Hopper", None, ("admin",))
    world.user("sue@example.com", "Sue Support", None, ("support",))
    world.user("fin@example.com", "Fin Finance", None, ("finance",))
    world.user("ops@example.com", "Olga Operations", None, ("operations",))
    world.keys[ADA] = [
        SshKeyView(id=new_id("key"), name="laptop", kind="ssh-ed25519", created_at=ago(days=30),
                   fingerprint="SHA256:2cVqz1Q5c8y4o9y1s0p7mZxGb9ZCg2q0rK2c7Xk", public_key=f"{ED25519} ada@laptop"),
    ]  # fmt: skip
    _orders(world)
    _services(world)
    _tickets(world)
    _invoices(world)
    return world


def _orders(world: World) -> None:
    names = world.named
    expired = world.order(
        ADA, "expired", created_at=ago(days=9), quantity=3,
        configuration={
            "hostname": "again.example.com", "system": "alma-9", "region": "hel", "ssh_keys": [f"{ED25519} other"],
            "root_password": True,
        },
    )  # fmt: skip
    expired.timeline.append(entry(ago(days=8), "Expired unpaid", "Nothing was charged"))
    canceled = world.order(ADA, "canceled", created_at=ago(days=6))
    canceled.timeline.append(entry(ago(days=6), "Canceled by you"))
    review = world.order(
        ADA, "under_review", "vps-l", created_at=ago(hours=3), review_reason="The payment’s currency differs."
    )
    review.timeline += [
        entry(ago(hours=3), "Payment received", "€23.00 by card"),
        entry(ago(hours=3), "Under review", "The payment’s currency differs from the order’s", "active"),
    ]
    problem = PaymentProblem(code="card_declined", message="Your card was declined by your bank.")
    declined = world.order(ADA, "awaiting_payment", "vps-m", payment_problem=problem, created_at=ago(minutes=22))
    declined.timeline += [
        entry(ago(minutes=20), "Payment declined", "Your card was declined by your bank.", "failed"),
        entry(None, "Payment", "Waiting for you", "waiting"),
    ]
    waiting = world.order(ADA, "awaiting_payment", "vps-l", interval="year", created_at=ago(minutes=4))
    waiting.timeline.append(entry(None, "Payment", "Waiting for you", "waiting"))
    names |= {
        "order_expired": expired.id, "order_canceled": canceled.id, "order_under_review": review.id,
        "order_declined": declined.id, "order_awaiting_payment": waiting.id,
    }  # fmt: skip


def _paid(world: World, minutes: float, **given: Any) -> StaffOrderDetail:
    order = world.order(ADA, "paid", created_at=ago(minutes=minutes + 2), paid_at=ago(minutes=minutes), **given)
    order.timeline.append(entry(ago(minutes=minutes), "Payment confirmed", _PAID))
    return order


def _fulfilled(world: World, minutes: float, **given: Any) -> StaffOrderDetail:
    order = _paid(world, minutes, **given)
    order.status, order.fulfilled_at = "fulfilled", ago(minutes=minutes - 1)
    return order


def built(minutes: float, upto: int, ending: ServiceTimelineEntry | None = None) -> list[ServiceTimelineEntry]:
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
    done = _fulfilled(world, 60 * 24 * 12, hostname="shop.example.com")
    handed_over = ago(minutes=60 * 24 * 12 - 0.3)
    story = [*built(60 * 24 * 12, 6), entry(ago(days=3), "Rebooted", "Asked for by you")]
    active = world.service(done, "running", activated_at=handed_over, timeline=story)
    names |= {"order_fulfilled": done.id, "service_active": active.id}

    pair = _fulfilled(world, 90, hostname="worker.example.com", quantity=2)
    for index in (1, 2):
        world.service(
            pair, "stopped" if index == 2 else "running", name=f"worker-{index}.example.com",
            address=f"203.0.113.{40 + index}", activated_at=ago(minutes=88), timeline=built(89.7, 6),
        )  # fmt: skip
    names |= {"order_pair": pair.id, "service_stopped": world.services[0].id}

    delayed = _paid(world, 25, hostname="delayed.example.com")
    trouble = entry(
        ago(minutes=1), "Creating the server", "The hypervisor is not answering. Next try in 2 minutes.", "active"
    )
    world.service(
        delayed, "delayed", timeline=built(24, 2, trouble), message="The hypervisor is not answering.",
    )  # fmt: skip
    names |= {"order_delayed": delayed.id, "service_delayed": world.services[0].id}

    failed = _paid(world, 600, hostname="failed.example.com")
    ending = entry(ago(minutes=300), "Creating the server failed", "The storage is full. A person is on it.", "failed")
    full = "The storage of this location is full."
    world.service(failed, "needs_us", timeline=[*built(599, 2), ending], message=full)
    names |= {"order_failed": failed.id, "service_failed": world.services[0].id}

    going = _paid(world, 0.6, hostname="building.example.com")
    current = entry(ago(seconds=5), "Creating the server", "Copying Debian 12", "active")
    world.service(going, "setting_up", timeline=built(0.5, 2, current))
    names |= {"order_provisioning": going.id, "service_provisioning": world.services[0].id}

    late = _fulfilled(world, 60 * 24 * 40, hostname="suspended.example.com")
    world.service(
        late, "suspended", address="203.0.113.77", activated_at=ago(days=40),
        timeline=[*built(60 * 24 * 40, 6), entry(ago(days=2), "Suspended", "An invoice is overdue", "failed")],
        message="An invoice is overdue. Pay it and the server starts again by itself.",
    )  # fmt: skip
    names["service_suspended"] = world.services[0].id
    _mixed(world)


def _mixed(world: World) -> None:
    """An order of two monthly servers, a yearly one and a postcard, on one page."""
    items = [
        world.item("vps-s", hostname="front.example.com", quantity=2),
        world.item("vps-l", hostname="base.example.com", interval="year"),
        world.item("postcard", configuration={"name": "Charles Babbage", "message": "Dear Charles,\nit runs."}),
    ]
    mixed = _paid(world, 3, items=items)
    for index in (1, 2):
        world.service(
            mixed, "running", item=items[0], name=f"front-{index}.example.com", address=f"203.0.113.{50 + index}",
            activated_at=ago(minutes=1), timeline=built(2.8, 6),
        )  # fmt: skip
    current = entry(ago(seconds=5), "Creating the server", "Copying Debian 12", "active")
    world.service(mixed, "setting_up", item=items[1], timeline=built(2.8, 2, current))
    card = world.service(mixed, "on_its_way", item=items[2], timeline=[entry(ago(minutes=2), "Printed")])
    card.activated_at = None
    world.named |= {"order_mixed": mixed.id, "service_unknown_type": card.id}


def message(kind: str, name: str, body: str, at: datetime) -> StaffMessageView:
    author = Author(kind=kind, name=name)
    return StaffMessageView(id=new_id("msg"), author=author, body=body, created_at=at, internal=False)


def ticket(
    world: World, account: str, subject: str, status: str, messages: list[StaffMessageView], **given: Any
) -> StaffTicketDetail:
    found = StaffTicketDetail(
        id=new_id("tkt"), number=f"T-{200 + len(world.tickets)}", subject=subject, status=status,
        priority=given.get("priority", "normal"), service_id=given.get("service_id"),
        service_name=given.get("service_name"), account_id=account, created_at=messages[0].created_at,
        updated_at=messages[-1].created_at, messages=messages, customer=world.customer(account),
    )  # fmt: skip
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
    world.named |= {"ticket_closed": closed.id, "ticket_answered": answered.id}


def invoice(world: World, account: str, status: str, order: StaffOrderDetail, at: datetime) -> InvoiceView:
    number = None if status == "draft" else f"INV-2026-{len(world.invoices) + 1:04d}"
    paid = status == "paid"
    found = InvoiceView(
        id=new_id("inv"), number=number, status=status, order_id=order.id, total=order.total,
        amount_paid=order.total if paid else money(0, order.currency), currency=order.currency, created_at=at,
        paid_at=at if paid else None, hosted_invoice_url=f"{world.checkout_origin}/invoice/{number}",
        pdf_url=f"{world.checkout_origin}/invoice/{number}/pdf",
    )  # fmt: skip
    world.invoices.insert(0, Owned(account_id=account, view=found))
    return found


def subscription(world: World, account: str, order: StaffOrderDetail, status: str = "active") -> None:
    """One for each interval at which the order's items renew."""
    for renewal in order.renewals:
        found = SubscriptionView(
            id=new_id("sub"), order_id=order.id, interval=renewal.interval, status=status, total=renewal.total,
            item_ids=[item.id for item in order.items if item.interval == renewal.interval],
            next_charge_at=now() + timedelta(days=18), ends_at=None,
        )  # fmt: skip
        world.subscriptions.insert(0, Owned(account_id=account, view=found))


def _invoices(world: World) -> None:
    fulfilled = [order for order in world.orders if order.status == "fulfilled"]
    for order in fulfilled:
        assert order.paid_at
        world.named["invoice_paid"] = invoice(world, ADA, "paid", order, order.paid_at).id
        subscription(world, ADA, order)
    world.named["invoice_open"] = invoice(world, ADA, "open", fulfilled[0], ago(days=9)).id


def due_steps(elapsed: float, tick: float) -> int:
    """How many steps of a delivery have happened after `elapsed` seconds."""
    return min(STEP_COUNT, int(elapsed // tick))
