"""Every list, detail, search, counter, claim and clock job whose cost must not depend on how much there is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncSession

from bench.scale import inside
from bench.scale.world import World
from shared.database.durable import count_by_state, overdue_seconds
from shared.web.pagination import encode_cursor

Call = Callable[[World], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Read:
    """One thing somebody waits for; `call` does it once, for somebody or something chosen at random.

    `bounded`: whether it may not grow. What compares all that happened in a window of time must.
    """

    service: str
    name: str
    call: Call
    bounded: bool = True


def _page(path: str, cursor: str | None = None, **filters: str) -> str:
    query = [f"{name}={quote(value)}" for name, value in filters.items()]
    if cursor is not None:
        query.append(f"cursor={encode_cursor(cursor)}")
    return f"{path}?{'&'.join(query)}" if query else path


def _staff(service: str, name: str, path: Callable[[World], str]) -> Read:
    return Read(service, name, lambda world: world.get(service, path(world)))


def _catalog() -> list[Read]:
    orders, every = "/api/v1/orders", "/api/v1/staff/orders"

    def mine(name: str, path: Callable[[World, Any], str]) -> Read:
        def call(world: World) -> Awaitable[None]:
            order = world.order()
            return world.get("catalog", path(world, order), order.account)

        return Read("catalog", name, call)

    def big(name: str, path: Callable[[World], str]) -> Read:
        return Read("catalog", name, lambda world: world.get("catalog", path(world), world.big))

    return [
        mine("my orders", lambda _world, _order: orders),
        big("my orders, the largest account", lambda _world: orders),
        big("my orders, the largest account, deep", lambda world: _page(orders, world.middle["ord big"])),
        mine("my order", lambda _world, order: f"{orders}/{order.id}"),
        mine("my order's timeline", lambda _world, order: f"{orders}/{order.id}/timeline"),
        Read("catalog", "plans", lambda world: world.get("catalog", "/api/v1/plans")),
        _staff("catalog", "orders", lambda _world: every),
        _staff("catalog", "orders, deep", lambda world: _page(every, world.middle["ord"])),
        *(
            _staff("catalog", f"orders that are {status}", lambda _world, status=status: _page(every, status=status))
            for status in ("awaiting_payment", "under_review", "paid", "fulfilled", "canceled", "expired")
        ),
        _staff("catalog", "fulfilled orders, deep", lambda w: _page(every, w.middle["ord"], status="fulfilled")),
        _staff("catalog", "orders by number", lambda w: _page(every, q=w.order().number)),
        _staff("catalog", "orders by id", lambda w: _page(every, q=w.order().id)),
        _staff("catalog", "orders by account", lambda w: _page(every, q=w.order().account)),
        _staff("catalog", "orders by account, the largest", lambda w: _page(every, q=w.big)),
        _staff(
            "catalog",
            "canceled orders of the largest account",
            # As many as the smallest house has, so that pages of one length are compared.
            lambda w: _page(every, q=w.big, status="canceled", limit="3"),
        ),
        _staff(
            "catalog", "under review, of the largest account", lambda w: _page(every, q=w.big, status="under_review")
        ),
        _staff("catalog", "orders by e-mail address", lambda w: _page(every, q=w.order().email)),
        _staff("catalog", "overview", lambda _w: "/api/v1/staff/overview/catalog"),
        _staff("catalog", "orders by host name", lambda w: _page(every, q=w.order().host)),
        _staff("catalog", "orders by a beginning all host names have", lambda _w: _page(every, q="web-")),
        _staff("catalog", "the same, deep", lambda w: _page(every, w.middle["ord"], q="web-")),
        _staff(
            "catalog", "under review, by such a beginning", lambda _w: _page(every, q="web-", status="under_review")
        ),
        _staff("catalog", "orders by a beginning no host name has", lambda _w: _page(every, q="zzz")),
        _staff("catalog", "order", lambda w: f"{every}/{w.order().id}"),
        _staff("catalog", "order's timeline", lambda w: f"{every}/{w.order().id}/timeline"),
        _staff("catalog", "plans, for staff", lambda _world: "/api/v1/staff/plans"),
    ]


def _billing() -> list[Read]:
    invoices, events = "/api/v1/invoices", "/api/v1/staff/stripe-events"

    def mine(name: str, path: Callable[[Any], str]) -> Read:
        def call(world: World) -> Awaitable[None]:
            order = world.order()
            return world.get("billing", path(order), order.account)

        return Read("billing", name, call)

    def big(name: str, path: Callable[[World], str]) -> Read:
        return Read("billing", name, lambda world: world.get("billing", path(world), world.big))

    return [
        mine("my invoices", lambda _order: invoices),
        big("my invoices, the largest account", lambda _world: invoices),
        big("my invoices, the largest account, deep", lambda world: _page(invoices, world.middle["inv big"])),
        mine("my invoice", lambda order: f"{invoices}/{order.invoice}"),
        _staff("billing", "Stripe's events", lambda _world: events),
        _staff("billing", "Stripe's events, deep", lambda w: _page(events, w.middle["seq"])),
        *(
            _staff("billing", f"Stripe's events, {state}", lambda _world, state=state: _page(events, state=state))
            for state in ("ready", "done", "dead", "parked")
        ),
        _staff("billing", "Stripe's events of a type", lambda _world: _page(events, type="invoice.paid")),
        _staff("billing", "the same, deep", lambda w: _page(events, w.middle["seq"], type="invoice.paid")),
        _staff("billing", "dead events of a type", lambda _w: _page(events, type="invoice.paid", state="dead")),
        _staff("billing", "done events of a type", lambda _w: _page(events, type="invoice.paid", state="done")),
        _staff("billing", "events of a type that never came", lambda _w: _page(events, type="payout.paid")),
        _staff("billing", "Stripe's event", lambda w: f"{events}/{w.dice.choice(w.events)}"),
    ]


def _provisioning() -> list[Read]:
    mine_path, every, jobs = "/api/v1/services", "/api/v1/staff/services", "/api/v1/staff/jobs"

    def mine(name: str, path: Callable[[Any], str]) -> Read:
        def call(world: World) -> Awaitable[None]:
            order = world.order()
            return world.get("provisioning", path(order), order.account)

        return Read("provisioning", name, call)

    def big(name: str, path: Callable[[World], str]) -> Read:
        return Read("provisioning", name, lambda world: world.get("provisioning", path(world), world.big))

    wanted: list[tuple[str, Callable[[World], str]]] = [
        ("id", lambda w: w.order().service),
        ("account", lambda w: w.order().account),
        ("order", lambda w: w.order().id),
        ("name", lambda w: w.order().host),
        ("a beginning all names have", lambda _w: "web-"),
        ("a beginning no name has", lambda _w: "zzz"),
    ]
    more: list[tuple[str, Callable[[World], str]]] = [
        ("entitlement", lambda w: w.order().entitlement),
        ("address", lambda w: w.order().ipv4),
        ("an address nobody has", lambda _w: "192.0.2.1"),
        ("account, the largest", lambda w: w.big),
    ]
    return [
        mine("my services", lambda _order: mine_path),
        big("my services, the largest account", lambda _world: mine_path),
        big("my services, the largest account, deep", lambda w: _page(mine_path, w.middle["svc big"])),
        mine("my services of an order", lambda order: _page(mine_path, order_id=order.id)),
        mine("my service", lambda order: f"{mine_path}/{order.service}"),
        mine("my service's timeline", lambda order: f"{mine_path}/{order.service}/timeline"),
        _staff("provisioning", "services", lambda _world: every),
        _staff("provisioning", "services, deep", lambda w: _page(every, w.middle["svc"])),
        *(
            _staff("provisioning", f"services by {what}", lambda w, q=q: _page(every, q=q(w)))
            for what, q in [*wanted, *more]
        ),
        _staff("provisioning", "service", lambda w: f"{every}/{w.order().service}"),
        _staff("provisioning", "jobs", lambda _world: jobs),
        _staff("provisioning", "jobs, deep", lambda w: _page(jobs, w.middle["job"])),
        *(
            _staff("provisioning", f"jobs, {state}", lambda _world, state=state: _page(jobs, state=state))
            for state in ("ready", "running", "waiting", "done", "dead", "parked", "canceled")
        ),
        *(_staff("provisioning", f"jobs by {what}", lambda w, q=q: _page(jobs, q=q(w))) for what, q in wanted),
        _staff("provisioning", "jobs by id of the job", lambda w: _page(jobs, q=w.order().job)),
        _staff("provisioning", "jobs by account, the largest", lambda w: _page(jobs, q=w.big)),
        _staff("provisioning", "dead jobs of the largest account", lambda w: _page(jobs, q=w.big, state="dead")),
        _staff("provisioning", "dead jobs by such a beginning", lambda _w: _page(jobs, q="web-", state="dead")),
        _staff("provisioning", "job", lambda w: f"{jobs}/{w.order().job}"),
    ]


def _support() -> list[Read]:
    mine_path, every = "/api/v1/tickets", "/api/v1/staff/tickets"

    def mine(name: str, suffix: bool) -> Read:
        def call(world: World) -> Awaitable[None]:
            ticket, account = world.dice.choice(world.tickets)
            return world.get("support", f"{mine_path}/{ticket}" if suffix else mine_path, account)

        return Read("support", name, call)

    return [
        mine("my tickets", suffix=False),
        mine("my ticket", suffix=True),
        Read("support", "my tickets, the largest account", lambda w: w.get("support", mine_path, w.big)),
        _staff("support", "tickets", lambda _world: every),
        _staff("support", "tickets, deep", lambda w: _page(every, w.middle["tkt"])),
        *(
            _staff("support", f"tickets, {status}", lambda _world, status=status: _page(every, status=status))
            for status in ("open", "answered", "customer_replied", "closed")
        ),
        _staff("support", "ticket", lambda w: f"{every}/{w.dice.choice(w.tickets)[0]}"),
        _staff("support", "mails", lambda _world: "/api/v1/staff/notifications"),
        _staff("support", "mails, deep", lambda w: _page("/api/v1/staff/notifications", w.middle["ntf"])),
    ]


def _identity() -> list[Read]:
    def mine(name: str, path: str) -> Read:
        def call(world: World) -> Awaitable[None]:
            order = world.order()
            return world.get("identity", path, order.account, order.user)

        return Read("identity", name, call)

    return [
        mine("who am I", "/api/v1/me"),
        mine("where am I signed in", "/api/v1/sessions"),
        Read("identity", "a session resolved", lambda w: w.resolve(w.order().token)),
    ]


def _queues() -> list[Read]:
    """What workers and the clock do with every durable table. Whatever they change is rolled back."""
    reads: list[Read] = []
    for service, names in inside.QUEUES.items():
        reads.append(_staff(service, "dead letters", lambda _w, s=service: f"/api/v1/staff/dead-letters/{s}"))
        for name in names:
            reads += _queue(service, name)
    return reads


def _queue(service: str, name: str) -> list[Read]:
    def queue(world: World) -> Any:
        return next(queue for queue in world.services[service].queues if queue.name == name)

    async def claim(session: AsyncSession, world: World) -> None:
        if len(await queue(world).claim(session, 20)) != 20:
            raise RuntimeError(f"{service}: nothing to claim in {name}")

    async def purge(session: AsyncSession, world: World) -> None:
        # Longer than anything is kept: as on every run but the first of a day, there is nothing to delete.
        await queue(world).purge(session, timedelta(days=91))

    def alone(what: Callable[[AsyncSession, World], Awaitable[None]]) -> Call:
        return lambda world: inside.rolled_back(world, service, lambda session: what(session, world))

    reads = [
        Read(service, f"{name}: a claim of 20", alone(claim)),
        Read(service, f"{name}: a purge with nothing to purge", alone(purge)),
        Read(service, f"{name}: the gauge of rows", lambda w: count_by_state(w.services[service].database, queue(w))),
        Read(service, f"{name}: the gauge of delay", lambda w: overdue_seconds(w.services[service].database, queue(w))),
    ]
    # Mails are not purged but forgotten, by a rule of their own.
    return [read for read in reads if not (name == "notifications" and "purge" in read.name)]


def all_reads() -> list[Read]:
    """In the order of the services."""
    others = [Read(service, name, call) for service, name, call in inside.CALLS]
    promises = [Read(service, name, call, bounded=False) for service, name, call in inside.promises()]
    return [*_identity(), *_catalog(), *_billing(), *_provisioning(), *_support(), *_queues(), *others, *promises]
