"""Faults on demand: what the next calls, deliveries and payments should suffer. Held in memory only, so a
restarted sandbox is a healthy one."""

import random
from dataclasses import dataclass, field
from typing import Any

API_FAULTS = ("status", "rate_limit", "delay", "timeout_after_processing", "drop_connection", "drop_after_processing")
FORGERIES = (
    "wrong_secret",
    "missing_header",
    "empty_header",
    "only_v0",
    "garbage_timestamp",
    "stale_timestamp",
    "future_timestamp",
    "tampered_body",
)
# Validly signed, and still not for this receiver: an event of the other mode, whose endpoint shares the secret.
MISDIRECTED = ("wrong_mode",)


@dataclass
class ApiFault:
    """The next `times` API calls whose "METHOD /path" starts with `match` suffer `kind`.

    saved: whether a `status` of 500 and above is kept under the call's idempotency key, as what fails while it is
    being processed is; otherwise it failed on the way there.
    """

    kind: str
    times: int
    status: int = 500
    seconds: float = 30.0
    match: str = ""
    saved: bool = False


@dataclass
class WebhookFaults:
    """How deliveries misbehave. `forge` names forgeries sent ahead of each of the next `forge_times` deliveries;
    `withhold` is how many of the next events are never delivered."""

    paused: bool = False
    duplicates: int = 1
    delay_seconds: float = 0.0
    shuffle: bool = False
    forge: list[str] = field(default_factory=list)
    forge_times: int = 0
    withhold: int = 0


@dataclass
class CheckoutMutation:
    """What a completed checkout charges instead of its lines' total, and whom; None leaves that part alone.

    customer: the id of another customer, or `new` for one who appears with this payment.
    """

    amount: int | None = None
    currency: str | None = None
    customer: str | None = None


class Faults:
    """The current plan."""

    # Long enough for the events of one payment to overtake each other, short enough to wait for.
    SHUFFLE_WINDOW_SECONDS = 0.4

    def __init__(self) -> None:
        self.api: list[ApiFault] = []
        self.webhooks = WebhookFaults()
        self.next_checkout: CheckoutMutation | None = None
        self.event_version: str | None = None  # in which API version events are made; None is the pinned one
        self.random = random.Random()  # noqa: S311 - reorders deliveries; nothing secret

    def reset(self) -> None:
        """Healthy again."""
        self.api, self.webhooks, self.next_checkout, self.event_version = [], WebhookFaults(), None, None

    def take_api(self, method: str, path: str) -> ApiFault | None:
        """The fault this call suffers, spending one of its times."""
        for fault in self.api:
            if f"{method} {path}".startswith(fault.match):
                fault.times -= 1
                if fault.times <= 0:
                    self.api.remove(fault)
                return fault
        return None

    def take_withheld(self) -> bool:
        """Whether this event is one that is never delivered."""
        if self.webhooks.withhold > 0:
            self.webhooks.withhold -= 1
            return True
        return False

    def take_forgeries(self) -> list[str]:
        """The forgeries to send ahead of this delivery."""
        if self.webhooks.forge_times > 0:
            self.webhooks.forge_times -= 1
            return list(self.webhooks.forge)
        return []

    def take_mutation(self) -> CheckoutMutation | None:
        """The change to this checkout's charge, once."""
        mutation, self.next_checkout = self.next_checkout, None
        return mutation

    def delivery_delay(self) -> float:
        """Seconds to hold back a delivery queued now."""
        jitter = self.random.uniform(0, self.SHUFFLE_WINDOW_SECONDS) if self.webhooks.shuffle else 0.0
        return self.webhooks.delay_seconds + jitter

    def describe(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "api": [vars(fault) for fault in self.api],
            "webhooks": vars(self.webhooks),
            "event_version": self.event_version,
            "next_checkout": None if self.next_checkout is None else vars(self.next_checkout),
        }
