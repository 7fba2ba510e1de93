"""What time does to subscriptions, in the order in which it falls due: they renew, are collected again, or end."""

from collections.abc import Iterator

from sandbox.stripe import billing
from sandbox.stripe.resources import subscriptions, test_clocks
from sandbox.stripe.resources.periods import next_end
from sandbox.stripe.store import JsonObject, Where
from sandbox.stripe.work import Work

# A clock moved by years must not renew without end in one transaction.
_MOST_STEPS = 500
# https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
_INCOMPLETE_FOR = 23 * 3600
_RENEWING = ["active", "trialing", "past_due"]


def advance_due(work: Work) -> None:
    """Everything that has fallen due by now, and the way of every test clock that is moving."""
    _pass_time(work, None, work.now)
    for clock in test_clocks.moving(work):
        _pass_time(work, clock["id"], int(clock["status_details"]["advancing"]["target_frozen_time"]))
        test_clocks.arrive(work, clock)


def _pass_time(work: Work, clock_id: str | None, until: int) -> None:
    """Takes what is due one by one, the earliest first, each at its own time."""
    for _ in range(_MOST_STEPS):
        due = min(_due(work, clock_id, until), key=lambda entry: entry[0], default=None)
        if due is None:
            return
        moment, kind, obj = due
        _STEPS[kind](work.at(moment), obj)


def _due(work: Work, clock_id: str | None, until: int) -> Iterator[tuple[int, str, JsonObject]]:
    mine = Where("test_clock", "is", clock_id)
    # One interval per subscription, so the first item's period is every item's period.
    ending = Where("items.data[0].current_period_end", "lte", until)
    for subscription in work.store.find("subscription", [Where("status", "in", _RENEWING), mine, ending]):
        yield subscriptions.current_period_end(subscription), "period", subscription
    old = Where("created", "lte", until - _INCOMPLETE_FOR)
    for subscription in work.store.find("subscription", [Where("status", "eq", "incomplete"), mine, old]):
        yield subscription["created"] + _INCOMPLETE_FOR, "incomplete", subscription
    for status, name in (("draft", "automatically_finalizes_at"), ("open", "next_payment_attempt")):
        for invoice in work.store.find("invoice", [Where("status", "eq", status), mine, Where(name, "lte", until)]):
            yield invoice[name], status, invoice


def _end_of_period(work: Work, subscription: JsonObject) -> None:
    if subscription["cancel_at_period_end"]:
        subscriptions.end(work, subscription, "cancellation_requested")
        return
    invoice = begin_period(work, subscription)
    invoice["automatically_finalizes_at"] = work.now + billing.DRAFT_FOR
    work.store.save("invoice", invoice)


def begin_period(work: Work, subscription: JsonObject) -> JsonObject:
    """Starts the next period and draws up its invoice, a draft."""
    ending, anchor = subscriptions.current_period_end(subscription), subscription["billing_cycle_anchor"]
    items = [dict(item) for item in subscription["items"]["data"]]
    for item in items:
        item["current_period_start"] = ending
        item["current_period_end"] = next_end(anchor, item["price"]["recurring"], ending)
    changes: JsonObject = {"items": {**subscription["items"], "data": items}}
    if subscription["status"] == "trialing":
        changes["status"] = "active"
    subscriptions.save_changes(work, subscription, changes)
    invoice = billing.draw_up(work, subscription, "subscription_cycle")
    subscriptions.save_changes(work, subscription, {"latest_invoice": invoice["id"]})
    return invoice


def _finalize(work: Work, invoice: JsonObject) -> None:
    billing.finalize(work, invoice)


def _try_again(work: Work, invoice: JsonObject) -> None:
    subscription = billing.subscription_of(work, invoice)
    invoice["next_payment_attempt"] = None
    work.store.save("invoice", invoice)
    if subscription is not None and subscription["status"] in subscriptions.LIVING:
        billing.try_to_collect(work, subscription, invoice)


def _never_paid(work: Work, subscription: JsonObject) -> None:
    subscriptions.save_changes(work, subscription, {"status": "incomplete_expired", "ended_at": work.now})


_STEPS = {"period": _end_of_period, "draft": _finalize, "open": _try_again, "incomplete": _never_paid}


def renew(work: Work, subscription: JsonObject, *, declined: bool | None = None) -> JsonObject:
    """Starts the next period now and collects it at once. The stored test card decides whether the payment succeeds,
    unless `declined` says so."""
    work = work.of_customer(subscription["customer"])
    return billing.finalize(work, begin_period(work, subscription), declined=declined)
