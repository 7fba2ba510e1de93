"""What staff find: the queue, Stripe's events, the ledger, dead letters; and an account with fifty of everything."""

from datetime import timedelta
from typing import Any

from shared.contracts.reads.billing import EntryView, PostingView, StripeEventDetail
from shared.contracts.reads.provisioning import HistoryView, JobDetail, JobService, JobView, ProviderView, StepView
from shared.contracts.reads.support import NotificationView
from shared.web.dead_letters import DeadLetter
from tests.web.fake_data import LONG_NAME, MANY, FakeService, World, ago, money, new_id, now
from tests.web.fake_scenarios import built, customer_world, invoice, message, subscription, ticket

_FULL = "clone 9000: 500 storage 'local-lvm' has no space left (requested 25 GB, 3.1 GB available)"
_STEPS = ["look_up", "clone", "configure", "start", "verify"]


def build_world(**settings: Any) -> World:
    world = customer_world(**settings)
    _jobs(world)
    _stripe(world)
    _messages(world)
    _providers(world)
    _many(world)
    return world


def steps(done: int, state: str, error: str | None) -> list[StepView]:
    return [
        StepView(
            name=name, title=name.replace("_", " ").capitalize(),
            state="done" if index < done else state if index == done else "pending",
            started_at=ago(minutes=30 - index) if index <= done else None,
            finished_at=ago(minutes=29 - index) if index < done else None,
            detail=error if index == done else None, tries=3 if error and index == done else 1,
        )
        for index, name in enumerate(_STEPS)
    ]  # fmt: skip


def job(world: World, service: FakeService, state: str, **given: Any) -> JobDetail:
    found = JobDetail(
        id=new_id("job"), intent=given.get("intent", "create"), state=state, attempts=given.get("attempts", 1),
        max_attempts=8, next_attempt_at=given.get("next_attempt_at"), last_error=given.get("last_error"),
        failure_class=given.get("failure_class"),
        service=JobService(id=service.id, name=service.name, status=service.status), customer=service.customer,
        created_at=service.created_at, finished_at=given.get("finished_at"), order_id=service.order_id,
        idempotency_key=f"create:{service.entitlement_id}", requested_by="catalog", reason=None,
        deadline_at=now() + timedelta(hours=2), steps=given.get("steps", []),
    )  # fmt: skip
    world.jobs.insert(0, found)
    service.jobs.insert(0, JobView.model_validate(found.model_dump()))
    return found


def _jobs(world: World) -> None:
    by_id = {service.id: service for service in world.services}
    failed, delayed = by_id[world.named["service_failed"]], by_id[world.named["service_delayed"]]
    for service in world.services:
        if service.activated_at:
            job(world, service, "done", finished_at=service.activated_at, steps=steps(5, "done", None))
    silent = job(world, delayed, "ready", attempts=4, next_attempt_at=now() + timedelta(minutes=2),
                 failure_class="transient", last_error="connect timeout to hypervisor after 10 s",
                 steps=steps(1, "pending", None))  # fmt: skip
    dead = job(world, failed, "dead", attempts=8, last_error=_FULL, failure_class="needs_human",
               steps=steps(1, "failed", _FULL))  # fmt: skip
    world.named |= {"job_dead": dead.id, "job_pending": silent.id}
    failed.history = [
        HistoryView(at=ago(hours=5), verb="fail", from_status="provisioning", to_status="failed", by="provisioning",
                    reason=_FULL, detail={}),
    ]  # fmt: skip


def _stripe(world: World) -> None:
    order = next(one for one in world.orders if one.id == world.named["order_declined"])
    for index, (kind, state, outcome) in enumerate(
        [
            ("checkout.session.completed", "done", "checkout_paid"),
            ("invoice.paid", "done", "ignored: not ours"),
            ("invoice.payment_failed", "dead", None),
        ]
    ):
        dead = state == "dead"
        event = StripeEventDetail(
            id=f"evt_1QK{index}aZkQ2eZvKYlo2C", type=kind, state=state, outcome=outcome, attempts=8 if dead else 1,
            received_at=ago(minutes=30 - index), processed_at=None if dead else ago(minutes=29),
            stripe_created_at=ago(minutes=30), order_id=order.id, customer=order.customer,
            last_error="no order with this checkout session" if dead else None, api_version="2026-01-28",
            livemode=False, object_id="cs_test_a1", failure_class="permanent" if dead else None, next_attempt_at=None,
            payload={"type": kind, "data": {"object": {"id": "cs_test_a1", "note": "</pre><script>alert(1)"}}},
        )  # fmt: skip
        world.stripe_events.insert(0, event)
        world.named[f"event_{['done', 'ignored', 'dead'][index]}"] = event.id
    world.ledger = [
        EntryView(id=new_id("led"), kind=kind, at=ago(hours=hours), stripe_id=f"ch_{hours}", order_id=order.id,
                  customer=order.customer, item_ids=[], postings=[PostingView(account=debit, amount=money(amount)),
                                         PostingView(account=credit, amount=money(-amount))])
        for kind, hours, debit, credit, amount in [
            ("charge", 3, "stripe_balance", "receivable", 2300), ("refund", 1, "receivable", "stripe_balance", 900),
        ]
    ]  # fmt: skip


def _messages(world: World) -> None:
    def letter(queue: str, row: str, label: str, state: str, failure: str, error: str) -> DeadLetter:
        gave_up = None if state == "waiting" else ago(hours=2)
        return DeadLetter(
            queue=queue, id=row, label=label, state=state, attempts=8, failure_class=failure, last_error=error,
            died_at=gave_up, since=gave_up or ago(hours=1),
        )  # fmt: skip

    world.letters = {
        "support": [letter("mail", new_id("ntf"), "receipt", "dead", "permanent", "550 mailbox unavailable")],
        "catalog": [
            letter("catalog.events", new_id("evt"), "billing.checkout.paid.v1", "dead", "transient", "serialization"),
            letter("inbox", new_id("evt"), "billing.credit.granted.v1", "waiting", "not_understood", "no handler"),
        ],
    }  # fmt: skip
    for template, state in (("verify_email", "sent"), ("welcome_vps", "sent"), ("receipt", "dead")):
        sent = state == "sent"
        world.notifications.insert(0, NotificationView(
            id=new_id("ntf"), template=template, recipient="ada@example.com", state=state, created_at=ago(hours=2),
            sent_at=ago(hours=2) if sent else None, attempts=1 if sent else 8,
            last_error=None if sent else "550 mailbox unavailable",
        ))  # fmt: skip


def _providers(world: World) -> None:
    for name, state, used, reachable in (("pve-1", "open", 12, True), ("pve-2", "paused", 3, False)):
        world.providers.append(ProviderView(
            id=new_id("prv"), name=name, kind="proxmox", product_types=["vps"], endpoint=f"https://{name}.test:8006",
            secret_ref=f"PROXMOX_{name[-1]}", regions=["fsn"], settings={"node": name}, capacity=40, used=used,
            state=state, reachable=reachable, version=1,
        ))  # fmt: skip
        world.named[f"provider_{state}"] = world.providers[-1].id


def _many(world: World) -> None:
    """Fifty of everything, with names as long as people make them; and one order of thirty servers."""
    for index in range(50):
        name = LONG_NAME if index == 0 else f"node-{index:02d}.cluster.example.com"
        at = ago(hours=50 - index)
        order = world.order(MANY, "fulfilled", "vps-m", hostname=name, created_at=at, paid_at=at, fulfilled_at=at)
        service = world.service(
            order, "running", address=f"198.51.100.{index + 1}", activated_at=at, timeline=built(60 * (50 - index), 6)
        )
        invoice(world, MANY, "paid", order, at)
        subscription(world, MANY, order)
        job(world, service, "done", finished_at=at)
        if index == 0:
            world.named["service_long"] = service.id
            world.named["order_long"] = order.id
        ticket(world, MANY, f"Question {index} about {name}", "answered",
               [message("customer", "Maximiliana", "x" * 300, at), message("staff", "Grace", "Done.", at)])  # fmt: skip
    at = ago(hours=1)
    items = [world.item("vps-s", hostname=f"farm{part}.example.com", quantity=10) for part in range(3)]
    farm = world.order(MANY, "fulfilled", items=items, created_at=at, paid_at=at, fulfilled_at=at)
    for index in range(30):
        world.service(farm, "running", item=items[index // 10], name=f"farm-{index}.example.com",
                      address=f"192.0.2.{index + 1}", activated_at=at, timeline=built(61, 6))  # fmt: skip
    world.named["order_farm"] = farm.id
