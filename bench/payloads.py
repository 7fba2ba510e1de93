"""Signed deliveries as Stripe makes them: new events, repeats of earlier ones, and forgeries.

Bodies are made from a few hundred templates, whose ids alone differ from event to event: making one costs
microseconds, so that a sender is never the bottleneck.
"""

import hashlib
import hmac
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from bench.stripe_invoices import paid_invoice
from bench.stripe_objects import active_subscription, amount_for, complete_session

API_VERSION = "2026-10-28.endive"
PATH = "/webhooks/stripe"
DUPLICATES, FORGERIES = 0.10, 0.01
_TEMPLATES = 240
_NAME_LENGTH = 24
# What a repeat repeats: one of the last so many events.
_REMEMBERED = 400

Kind = Literal["new", "again", "forged"]


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose renewals the events are about: a Stripe customer and the subscription they pay."""

    customer: str
    subscription: str


def renewing(count: int) -> list[Payer]:
    """The customers whose renewals are sent; a database is given the same ones beforehand."""
    return [Payer(f"cus_bench{number:05d}", f"sub_bench{number:015d}") for number in range(count)]


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its body is exactly what is signed and sent."""

    id: str
    type: str
    object_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request of Stripe's, or of somebody who pretends to be Stripe."""

    kind: Kind
    event: Event
    signature: bytes


def sign(body: bytes, secret: str, at: int | None = None) -> bytes:
    """The Stripe-Signature header for a body (https://docs.stripe.com/webhooks#verify-manually)."""
    moment = b"%d" % (int(time.time()) if at is None else at)
    digest = hmac.digest(secret.encode(), moment + b"." + body, hashlib.sha256).hex()
    return b"t=" + moment + b",v1=" + digest.encode()


def request(delivery: Delivery, path: str = PATH) -> bytes:
    """The delivery as it goes over the wire, keep-alive."""
    body = delivery.event.body
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n"
        f"Accept: */*\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    )
    return head.encode() + b"Stripe-Signature: " + delivery.signature + b"\r\n\r\n" + body


class EventMaker:
    """Makes events of three kinds in equal parts, or renewals of given payers: two paid invoices to one update.

    `seed` makes bodies and their order repeatable; `run` keeps the ids of two runs apart (six characters).
    """

    def __init__(self, run: str, *, seed: int = 1, payers: Sequence[Payer] = ()) -> None:
        if len(run) != 6:
            raise ValueError("a run's name has six characters")
        self._run = run
        self._payers = payers
        self._random = random.Random(seed)
        self._made = 0
        self._templates = [self._template(number, int(time.time()) - 60) for number in range(_TEMPLATES)]

    def _template(self, number: int, at: int) -> tuple[str, str, bytes]:
        """Type, the name to be replaced everywhere, and the body."""
        name = f"T{number:0{_NAME_LENGTH - 1}d}"
        payer = Payer("cus_{payer}", "sub_{payer}") if self._payers else Payer(f"cus_{name[:14]}", f"sub_{name}")
        amount = amount_for(number)
        item: dict[str, Any]
        if number % 3 == 0 or (self._payers and number % 3 == 1):
            kind = "invoice.paid"
            item = paid_invoice(name, customer=payer.customer, subscription=payer.subscription, amount=amount, at=at)
        elif number % 3 == 1:
            kind = "checkout.session.completed"
            item = complete_session(name, customer=payer.customer, amount=amount, at=at)
        else:
            kind = "customer.subscription.updated"
            item = active_subscription(name, customer=payer.customer, amount=amount, at=at)
            if self._payers:
                item["id"] = payer.subscription
        data: dict[str, Any] = {"object": item}
        if kind.endswith("updated"):
            data["previous_attributes"] = {"latest_invoice": f"in_1{name[1:]}", "status": "past_due"}
        event = {
            "id": f"evt_{name}",
            "object": "event",
            "api_version": API_VERSION,
            "created": at,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": f"req_{name[:14]}", "idempotency_key": f"0b8f5c1e-63d7-4f7e-9a51-{name[:12]}"},
            "type": kind,
        }
        return kind, name, orjson.dumps(event, option=orjson.OPT_INDENT_2)

    def event(self) -> Event:
        """The next event, unlike any before it."""
        kind, name, body = self._templates[self._random.randrange(_TEMPLATES)]
        fresh = f"1{self._run}{self._made:0{_NAME_LENGTH - 7}d}"
        made = body.replace(name.encode(), fresh.encode())
        prefix = {"invoice.paid": "in_", "customer.subscription.updated": "sub_"}.get(kind, "cs_test_")
        object_id = prefix + fresh * (2 if prefix == "cs_test_" else 1)
        if self._payers:
            payer = self._payers[self._made % len(self._payers)]
            made = made.replace(b"cus_{payer}", payer.customer.encode())
            made = made.replace(b"sub_{payer}", payer.subscription.encode())
            if kind == "customer.subscription.updated":
                object_id = payer.subscription
        self._made += 1
        return Event(f"evt_{fresh}", kind, object_id, made)

    def deliveries(
        self, count: int, secret: str, *, duplicates: float = DUPLICATES, forgeries: float = FORGERIES
    ) -> Iterator[Delivery]:
        """`count` deliveries, signed now; a forgery is a new event signed with a secret that is not Stripe's."""
        recent: list[Event] = []
        for _ in range(count):
            draw = self._random.random()
            if draw < duplicates and recent:
                again = self._random.choice(recent)
                yield Delivery("again", again, sign(again.body, secret))
                continue
            event = self.event()
            if draw > 1 - forgeries:
                yield Delivery("forged", event, sign(event.body, secret[::-1]))
                continue
            if len(recent) < _REMEMBERED:
                recent.append(event)
            else:
                recent[self._random.randrange(_REMEMBERED)] = event
            yield Delivery("new", event, sign(event.body, secret))


def write_requests(target: Path, deliveries: Iterator[Delivery]) -> dict[str, int]:
    """Writes requests for the replay: each after its length in seven digits. How many there are of each kind."""
    counts: dict[str, int] = {"new": 0, "again": 0, "forged": 0}
    with target.open("wb", buffering=1 << 20) as file:
        for delivery in deliveries:
            counts[delivery.kind] += 1
            raw = request(delivery)
            file.write(b"%07d" % len(raw))
            file.write(raw)
    return counts
