"""One unit of work: a transaction, the time it happens at, and the events it causes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import orjson

from sandbox.stripe.errors import missing_resource
from sandbox.stripe.faults import Faults
from sandbox.stripe.ids import new_id
from sandbox.stripe.settings import API_VERSION, StripeSandboxSettings
from sandbox.stripe.store import JsonObject, Store
from sandbox.stripe.versions import as_before_basil

CLOCK = "test_helpers.test_clock"
NOUNS = {
    "checkout.session": "checkout.session",
    "payment_intent": "payment_intent",
    "payment_method": "PaymentMethod",
    "invoice_payment": "invoice_payment",
}


@dataclass(frozen=True)
class Cause:
    """The API request behind a change; both None when a person paid or time passed."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Work:
    """What a use case may touch. Lives as long as one transaction.

    now: the time of what is being done: the sandbox's, or that of a customer's test clock. wall: the sandbox's time,
    by which events are dated.
    """

    store: Store
    settings: StripeSandboxSettings
    faults: Faults
    now: int
    wall: int
    cause: Cause

    def at(self, moment: int) -> "Work":
        """The same transaction at another time."""
        return replace(self, now=moment)

    def of_customer(self, customer_id: str | None) -> "Work":
        """The same transaction at the customer's time: that of their test clock, if they have one."""
        customer = self.store.get("customer", customer_id) if customer_id is not None else None
        clock_id = customer.get("test_clock") if customer is not None else None
        return self if clock_id is None else self.at(int(self.require(CLOCK, clock_id)["frozen_time"]))

    def require(self, kind: str, identifier: str, param: str = "id") -> JsonObject:
        """The object, or Stripe's `resource_missing`."""
        obj = self.store.get(kind, identifier)
        if obj is None:
            raise missing_resource(NOUNS.get(kind, kind), identifier, param)
        return obj

    def emit(self, event_type: str, obj: JsonObject, previous: JsonObject | None = None) -> JsonObject:
        """Records an event with a snapshot of `obj` and queues its delivery."""
        version = self.faults.event_version or API_VERSION
        data: JsonObject = {"object": obj if version == API_VERSION else as_before_basil(obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": new_id("event"),
            "object": "event",
            "api_version": version,
            "created": self.wall,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0 if self.settings.webhook_url is None else 1,
            "request": {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key},
            "type": event_type,
        }
        # The store serialises now, so later changes to `obj` do not reach the snapshot.
        self.store.insert("event", event)
        if self.settings.webhook_url is not None:
            self.store.connection.execute(
                "INSERT INTO deliveries (event_id, payload, state, due_at) VALUES (?, ?, ?, ?)",
                (
                    event["id"],
                    orjson.dumps(event, option=orjson.OPT_INDENT_2),
                    "withheld" if self.faults.take_withheld() else "pending",
                    time.time() + self.faults.delivery_delay(),
                ),
            )
        return event


class Sandbox:
    """The running sandbox: its store, settings, faults and clock."""

    def __init__(self, settings: StripeSandboxSettings) -> None:
        self.settings = settings
        self.faults = Faults()
        self.store = Store(settings.state_path)
        self.on_commit: Callable[[], None] = lambda: None

    @property
    def offset_seconds(self) -> int:
        """How far the sandbox's clock was advanced by hand."""
        row = self.store.connection.execute("SELECT offset_seconds FROM clock WHERE id = 1").fetchone()
        return 0 if row is None else int(row["offset_seconds"])

    def advance_clock(self, seconds: int) -> None:
        """Moves the sandbox's time forward; signatures keep the real time."""
        with self.store.transaction():
            self.store.connection.execute(
                "INSERT INTO clock (id, offset_seconds) VALUES (1, ?) "
                "ON CONFLICT (id) DO UPDATE SET offset_seconds = offset_seconds + excluded.offset_seconds",
                (seconds,),
            )

    def now(self) -> int:
        """The sandbox's time in seconds since the epoch."""
        return int(self.settings.now()) + self.offset_seconds

    @contextmanager
    def work(self, cause: Cause | None = None) -> Iterator[Work]:
        """A transaction; delivery is woken once it is committed."""
        with self.store.transaction():
            now = self.now()
            yield Work(self.store, self.settings, self.faults, now, now, cause or Cause())
        self.on_commit()
