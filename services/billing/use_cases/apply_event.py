"""A stored event of Stripe takes effect: its type names the handler, its text is read, its facts are applied.

Every handler tolerates repeats and any order. What no handler knows is done with the outcome `ignored`, and shown.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import orjson

from services.billing.adapters.stripe import readings
from services.billing.domain.facts import Stamp
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.mirror_invoice import mirror_invoice
from services.billing.use_cases.mirror_subscription import mirror_subscription
from services.billing.use_cases.record_payment import record_dispute, record_payment
from services.billing.use_cases.settle_checkout import apply_session, expire_session, fail_session
from shared.database import FailureClass, HandlingFailed, UnitOfWork


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it rests in our table."""

    id: str
    type: str
    api_version: str | None
    created: datetime
    payload: str

    @property
    def stamp(self) -> Stamp:
        """Which event, of which kind, made when."""
        return Stamp(self.id, self.type, self.created)


Handler = Callable[[UnitOfWork, object, Stamp], Awaitable[Applied]]


async def _session(work: UnitOfWork, raw: object, _stamp: Stamp) -> Applied:
    return await apply_session(work, readings.read_session(raw))


async def _session_failed(work: UnitOfWork, raw: object, _stamp: Stamp) -> Applied:
    return await fail_session(work, readings.read_session(raw))


async def _session_expired(work: UnitOfWork, raw: object, _stamp: Stamp) -> Applied:
    return await expire_session(work, readings.read_session(raw))


async def _invoice(work: UnitOfWork, raw: object, stamp: Stamp) -> Applied:
    return await mirror_invoice(work, readings.read_invoice(raw), stamp)


async def _subscription(work: UnitOfWork, raw: object, stamp: Stamp) -> Applied:
    return await mirror_subscription(work, readings.read_subscription(raw), stamp)


async def _failed_intent(work: UnitOfWork, raw: object, stamp: Stamp) -> Applied:
    return await record_payment(work, readings.read_failed_intent(raw, stamp.created), stamp)


async def _succeeded_intent(work: UnitOfWork, raw: object, stamp: Stamp) -> Applied:
    fact = readings.read_succeeded_intent(raw)
    return await record_payment(work, fact, stamp) if fact else Applied("ignored: no money was moved")


async def _charge(work: UnitOfWork, raw: object, stamp: Stamp) -> Applied:
    return await record_payment(work, readings.read_charge(raw), stamp)


async def _dispute(work: UnitOfWork, raw: object, stamp: Stamp) -> Applied:
    return await record_dispute(work, readings.read_dispute(raw), stamp)


def _all(prefix: str, handler: Handler, *names: str) -> dict[str, Handler]:
    return {f"{prefix}.{name}": handler for name in names}


HANDLERS: dict[str, Handler] = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _session_failed,
    "checkout.session.expired": _session_expired,
    "payment_intent.payment_failed": _failed_intent,
    "payment_intent.succeeded": _succeeded_intent,
    **_all("invoice", _invoice, "created", "updated", "finalized", "paid", "payment_succeeded", "payment_failed"),
    **_all("invoice", _invoice, "voided", "marked_uncollectible"),
    **_all("customer.subscription", _subscription, "created", "updated", "deleted", "paused", "resumed"),
    **_all("charge", _charge, "succeeded", "failed", "pending", "captured", "updated", "refunded"),
    **_all("charge.dispute", _dispute, "created", "updated", "closed", "funds_withdrawn", "funds_reinstated"),
}


async def apply_event(work: UnitOfWork, event: StoredEvent) -> Applied:
    """Applies one event within the caller's transaction. Raises HandlingFailed when it cannot be applied (now)."""
    handler = HANDLERS.get(event.type)
    if handler is None:
        return Applied("ignored")
    if event.api_version is not None and not event.api_version.endswith(f".{readings.API_RELEASE}"):
        raise HandlingFailed(f"API version {event.api_version} is not one we read", FailureClass.NEEDS_HUMAN)
    try:
        raw = orjson.loads(event.payload)["data"]["object"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise HandlingFailed("unreadable: the payload holds no object", FailureClass.PERMANENT) from error
    return await handler(work, raw, event.stamp)
