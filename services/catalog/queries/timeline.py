"""What happened to an order, in words: its history and that of its entitlements, told as one story."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.domain import Entitlement, EntitlementHistory, Order, OrderHistory
from shared.contracts.reads.base import Timeline, TimelineEntry

_CARD_PROBLEMS = frozenset({"card_declined", "insufficient_funds", "expired_card", "incorrect_cvc", "incorrect_number"})
_REVIEW = {
    "payment_mismatch": "The payment we received does not match this order.",
    "paid_after_cancel": "A payment arrived after the order was canceled.",
    "paid_after_expiry": "A payment arrived after the time to pay had run out.",
}


class _Line(NamedTuple):
    """One line of history, of the order itself or of one of its entitlements (then with the unit's name)."""

    rank: int
    id: int
    verb: str
    at: datetime
    reason: str | None
    detail: dict[str, Any]
    name: str | None


class _Story(NamedTuple):
    """What the words of one line depend on beside the line itself."""

    order: Order
    for_staff: bool
    delayed: frozenset[str]

    def names(self, line: _Line) -> str:
        """What the items are called that a line of the order names."""
        return ", ".join(item.name for item in self.order.items if item.id in line.detail["items"])

    @property
    def services(self) -> int:
        return len(self.order.entitlements)


Told = TimelineEntry | None


def _entry(line: _Line, title: str, detail: str | None = None, state: str = "done") -> TimelineEntry:
    key = f"{line.verb}-{line.id}" if line.name is None else f"service-{line.verb}-{line.id}"
    return TimelineEntry(at=line.at, key=key, title=title, detail=detail, state=state)


def _placed(line: _Line, story: _Story) -> Told:
    return _entry(line, "Order placed", f"{story.order.number} · {line.detail['total']}")


def _checkout_opened(line: _Line, _story: _Story) -> Told:
    return _entry(line, "Payment page opened")


def _payment_failed(line: _Line, _story: _Story) -> Told:
    card = line.detail["code"] in _CARD_PROBLEMS
    title = "Card was declined — try another card" if card else "The payment did not go through — try again"
    return _entry(line, title, line.detail["message"], "failed")


def _paid(line: _Line, story: _Story) -> Told:
    """Told at the moment of the payment, which may have been before we heard of it."""
    detail = f"Accepted by staff: {line.reason}" if story.for_staff and line.reason else None
    return _entry(line, f"Payment received · {line.detail['amount']}", detail)


def _granted(line: _Line, _story: _Story) -> Told:
    """What the payment bought. Each service tells of its own delivery."""
    number = line.detail["services"]
    return _entry(line, f"Granted: {number} {'service' if number == 1 else 'services'}")


def _fulfilled(line: _Line, _story: _Story) -> Told:
    return _entry(line, "Everything is running")


def _canceled(line: _Line, _story: _Story) -> Told:
    return _entry(line, "Order canceled", "Nothing was charged.")


def _expired(line: _Line, _story: _Story) -> Told:
    return _entry(line, "The time to pay ran out", "Nothing was charged. You can place the order again.")


def _held(line: _Line, story: _Story) -> Told:
    why = _REVIEW[line.detail["review_reason"]]
    detail = f"{why} {line.reason}" if story.for_staff else f"{why} We look into it; you need not do anything."
    return _entry(line, "We are checking your payment", detail, _while(story, "under_review"))


def _running(line: _Line, story: _Story) -> Told:
    """A single service is told once, when the order is fulfilled."""
    return _entry(line, f"{line.name} is running") if story.services > 1 else None


def _delayed(line: _Line, story: _Story) -> Told:
    detail = line.reason if story.for_staff else "We are on it; you need not do anything."
    state = "active" if line.name in story.delayed else "done"
    return _entry(line, f"{line.name} takes longer than usual", detail, state)


def _decided(words: str) -> Callable[[_Line, _Story], Told]:
    """What was decided about a service, with the reason, which its customer may read."""

    def tell(line: _Line, _story: _Story) -> Told:
        return _entry(line, words.format(line.name), line.reason)

    return tell


def _changed(line: _Line, _story: _Story) -> Told:
    return _entry(line, f"{line.name} becomes {line.detail['to']}", line.reason)


def _terminated(line: _Line, _story: _Story) -> Told:
    removed_at = line.detail.get("removed_at")
    if removed_at is None:
        return _entry(line, f"{line.name} was removed")
    return _entry(line, f"{line.name} was stopped for good", f"Its data is kept until {_day(removed_at)}.")


def _renewal_started(line: _Line, story: _Story) -> Told:
    detail = f"{story.names(line)} · next on {_day(line.detail['next'])}"
    return _entry(line, f"Renews per {line.detail['interval']}", detail)


def _renewed(line: _Line, story: _Story) -> Told:
    detail = f"{story.names(line)} · paid until {_day(line.detail['next'])}"
    return _entry(line, f"Renewed · {line.detail['amount']}", detail)


def _rescheduled(line: _Line, story: _Story) -> Told:
    return _entry(line, f"The next charge moved to {_day(line.detail['next'])}", story.names(line))


def _past_due(line: _Line, story: _Story) -> Told:
    state = "failed" if "past_due" in story.order.attention else "done"
    detail = f"{story.names(line)} · {line.detail['message']}"
    return _entry(line, "A renewal could not be charged", detail, state)


def _recovered(line: _Line, story: _Story) -> Told:
    return _entry(line, "The renewal is paid", story.names(line))


def _subscription_ended(line: _Line, story: _Story) -> Told:
    return _entry(line, "Renews no more", f"{story.names(line)} · {line.reason}")


def _refunded(line: _Line, _story: _Story) -> Told:
    return _entry(line, f"Refunded · {line.detail['amount']}")


def _day(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%d %B %Y}"


def _for_staff(title: str) -> Callable[[_Line, _Story], Told]:
    def tell(line: _Line, story: _Story) -> Told:
        return _entry(line, title, line.reason, "failed") if story.for_staff else None

    return tell


def _while(story: _Story, status: str) -> str:
    return "active" if story.order.status == status else "done"


_ORDER_WORDS: Mapping[str, Callable[[_Line, _Story], Told]] = {
    "begin": _placed,
    "checkout_opened": _checkout_opened,
    "payment_failed": _payment_failed,
    "pay": _paid,
    "deliver": _granted,
    "fulfill": _fulfilled,
    "cancel": _canceled,
    "expire": _expired,
    "hold": _held,
    "second_payment": _for_staff("A second payment arrived — refund it"),
    "late_payment": _for_staff("A payment arrived too late"),
    "mismatched_payment": _for_staff("A payment does not match the order"),
    "second_service": _for_staff("A second service reports for one entitlement"),
    "renewal_started": _renewal_started,
    "renewed": _renewed,
    "rescheduled": _rescheduled,
    "past_due": _past_due,
    "recovered": _recovered,
    "subscription_ended": _subscription_ended,
    "refunded": _refunded,
    "dispute_opened": _for_staff("The payer's bank disputes the payment"),
    "dispute_closed": _for_staff("The dispute is decided"),
}
_SERVICE_WORDS: Mapping[str, Callable[[_Line, _Story], Told]] = {
    "activate": _running,
    "fail": _delayed,
    "suspend": _decided("{} is suspended"),
    "resume": _decided("{} is resumed"),
    "resume_waiting": _decided("{} is resumed"),
    "end": _decided("{} has ended"),
    "restore": _decided("{} is restored"),
    "restore_waiting": _decided("{} is restored"),
    "change": _changed,
    "service_suspended": _decided("{} was stopped"),
    "service_resumed": _decided("{} runs again"),
    "service_changed": _decided("{} was changed"),
    "service_terminated": _terminated,
}


async def order_timeline(session: AsyncSession, order: Order, *, for_staff: bool) -> Timeline:
    """The story of an order whose items and entitlements are loaded; staff also read what only they may know."""
    delayed = frozenset(right.name for right in order.entitlements if right.status == "delayed")
    story = _Story(order, for_staff, delayed)
    told = (_told(line, story) for line in await _lines(session, order.id))
    entries = [entry for entry in told if entry is not None]
    if order.status == "awaiting_payment":
        entries.append(_waiting(order))
    return Timeline(data=entries)


def _told(line: _Line, story: _Story) -> Told:
    words = _ORDER_WORDS if line.name is None else _SERVICE_WORDS
    tell = words.get(line.verb)
    return tell(line, story) if tell is not None else None


def _waiting(order: Order) -> TimelineEntry:
    until = f"The order is kept until {order.expires_at:%d %B %Y, %H:%M} UTC."
    return TimelineEntry(
        at=order.created_at, key="awaiting-payment", title="Waiting for your payment", detail=until, state="waiting"
    )


async def _lines(session: AsyncSession, order_id: str) -> list[_Line]:
    """Both histories in one query, in the order of what happened.

    Lines of one moment keep cause before effect: the last service runs, and then everything does.
    """
    of_order = select(
        literal(0).label("rank"),
        OrderHistory.id,
        OrderHistory.verb,
        OrderHistory.at,
        OrderHistory.reason,
        OrderHistory.detail,
        literal(None).label("name"),
    ).where(OrderHistory.order_id == order_id)
    of_services = (
        select(
            literal(1).label("rank"),
            EntitlementHistory.id,
            EntitlementHistory.verb,
            EntitlementHistory.at,
            EntitlementHistory.reason,
            EntitlementHistory.detail,
            Entitlement.name,
        )
        .join(Entitlement, Entitlement.id == EntitlementHistory.entitlement_id)
        .where(Entitlement.order_id == order_id)
    )
    rows = await session.execute(union_all(of_order, of_services))
    lines = _as_it_happened([_Line(*row) for row in rows])
    return sorted(lines, key=lambda line: (line.at, 2 if line.verb == "fulfill" else line.rank, line.id))


def _as_it_happened(lines: list[_Line]) -> list[_Line]:
    """A payment stands where it was made, not where it was heard of; one that staff accepted, where they decided.

    Stripe counts in whole seconds, so a payment made at once seems older than the page it was made on: it is not.
    """
    opened = [line.at for line in lines if line.verb in ("begin", "checkout_opened") and line.rank == 0]
    return [_where_it_was_made(line, max(opened)) for line in lines] if opened else lines


def _where_it_was_made(line: _Line, opened_at: datetime) -> _Line:
    paid_at = line.detail.get("paid_at") if line.verb == "pay" and line.reason is None else None
    if paid_at is None:
        return line
    return line._replace(at=min(line.at, max(datetime.fromisoformat(paid_at), opened_at)))
