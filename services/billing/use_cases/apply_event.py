"""Stored events of Stripe take effect: the type names how the text is read, and what it says is applied.

Everything tolerates repeats and any order. What nobody reads is done with the outcome `ignored`, and shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from services.billing.adapters.stripe import balance_readings, readings
from services.billing.domain.facts import (
    CreditNoteFact,
    CustomerDeletedFact,
    DisputeFact,
    InvoiceFact,
    PaymentFact,
    RefundFact,
    SessionFact,
    Stamp,
    SubscriptionFact,
)
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.loading import Fact, Loader
from services.billing.use_cases.mirror_invoice import mirror_invoice
from services.billing.use_cases.mirror_subscription import mirror_subscription
from services.billing.use_cases.post_entries import post_entries
from services.billing.use_cases.record_credit_note import record_credit_note
from services.billing.use_cases.record_dispute import record_dispute
from services.billing.use_cases.record_payment import record_payment
from services.billing.use_cases.record_refund import record_refund
from services.billing.use_cases.replace_customer import replace_customer
from services.billing.use_cases.settle_checkout import apply_session, expire_session, fail_session
from shared.database import FailureClass, HandlingFailed, UnitOfWork
from shared.telemetry.tracing import continuing


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is stored."""

    id: str
    type: str
    api_version: str | None
    created: datetime
    payload: str
    trace: str | None

    @property
    def is_foreign(self) -> bool:
        """Whether it was made in another API version than the one our readings are written for, and matters here."""
        release = f".{readings.API_RELEASE}"
        return self.type in READERS and self.api_version is not None and not self.api_version.endswith(release)

    @property
    def stamp(self) -> Stamp:
        """Which event, of which kind, made when."""
        return Stamp(self.id, self.type, self.created)


Reader = Callable[[object, Stamp], Fact | None]


def _session(raw: object, stamp: Stamp) -> Fact:
    """A session says nothing of when it was paid; the event is made at that moment."""
    fact = readings.read_session(raw)
    return replace(fact, paid_at=fact.paid_at or stamp.created)


def _invoice(raw: object, _stamp: Stamp) -> Fact:
    return readings.read_invoice(raw)


def _subscription(raw: object, _stamp: Stamp) -> Fact:
    return readings.read_subscription(raw)


def _failed_intent(raw: object, stamp: Stamp) -> Fact:
    return readings.read_failed_intent(raw, stamp.created)


def _succeeded_intent(raw: object, _stamp: Stamp) -> Fact | None:
    return readings.read_succeeded_intent(raw)


def _charge(raw: object, _stamp: Stamp) -> Fact:
    return readings.read_charge(raw)


def _dispute(raw: object, _stamp: Stamp) -> Fact:
    return balance_readings.read_dispute(raw)


def _refund(raw: object, _stamp: Stamp) -> Fact:
    return balance_readings.read_refund(raw)


def _credit_note(raw: object, _stamp: Stamp) -> Fact:
    return balance_readings.read_credit_note(raw)


def _customer(raw: object, _stamp: Stamp) -> Fact:
    return readings.read_deleted_customer(raw)


def _all(prefix: str, reader: Reader, *names: str) -> dict[str, Reader]:
    return {f"{prefix}.{name}": reader for name in names}


READERS: dict[str, Reader] = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _session,
    "checkout.session.expired": _session,
    "customer.deleted": _customer,
    "payment_intent.payment_failed": _failed_intent,
    "payment_intent.succeeded": _succeeded_intent,
    **_all("invoice", _invoice, "created", "updated", "finalized", "paid", "payment_succeeded", "payment_failed"),
    **_all("invoice", _invoice, "voided", "marked_uncollectible"),
    **_all("customer.subscription", _subscription, "created", "updated", "deleted", "paused", "resumed"),
    **_all("charge", _charge, "succeeded", "failed", "pending", "captured", "updated", "refunded"),
    **_all("charge.dispute", _dispute, "created", "updated", "closed", "funds_withdrawn", "funds_reinstated"),
    **_all("refund", _refund, "created", "updated", "failed"),
    "charge.refund.updated": _refund,
    **_all("credit_note", _credit_note, "created", "updated", "voided"),
}


async def apply_events(work: UnitOfWork, events: Sequence[StoredEvent]) -> list[Applied]:
    """Applies events in their order within the caller's transaction. Raises HandlingFailed when one cannot be (now)."""
    facts = [_fact(event) for event in events]
    loader = await Loader.of(work, [(fact, event.stamp) for fact, event in zip(facts, events, strict=True) if fact])
    applied = []
    for fact, event in zip(facts, events, strict=True):
        with continuing(event.trace):
            applied.append(await _apply(work, loader, fact, event.stamp) if fact else Applied("ignored"))
    await post_entries(work, list(loader.payments.values()), list(loader.invoices.values()))
    return applied


def _fact(event: StoredEvent) -> Fact | None:
    reader = READERS.get(event.type)
    if reader is None:
        return None
    if event.is_foreign:
        raise HandlingFailed(f"API version {event.api_version} is not one we read", FailureClass.NEEDS_HUMAN)
    try:
        raw = orjson.loads(event.payload)["data"]["object"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise HandlingFailed("unreadable: the payload holds no object", FailureClass.PERMANENT) from error
    return reader(raw, event.stamp)


async def _apply(work: UnitOfWork, loader: Loader, fact: Fact, stamp: Stamp) -> Applied:
    match fact:
        case InvoiceFact():
            return await mirror_invoice(work, loader, fact, stamp)
        case SubscriptionFact():
            return await mirror_subscription(work, loader, fact, stamp)
        case PaymentFact():
            return await record_payment(work, loader, fact, stamp)
        case DisputeFact():
            return await record_dispute(work, loader, fact, stamp)
        case RefundFact():
            return await record_refund(work, loader, fact, stamp)
        case CreditNoteFact():
            return await record_credit_note(work, loader, fact, stamp)
        case CustomerDeletedFact():
            return await replace_customer(work, fact.customer_id)
        case SessionFact():
            return await SESSIONS.get(stamp.type, apply_session)(work, fact)


SESSIONS = {
    "checkout.session.async_payment_failed": fail_session,
    "checkout.session.expired": expire_session,
}
