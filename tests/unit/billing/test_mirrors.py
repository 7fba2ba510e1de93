"""Mirrors of Stripe's objects show the newest snapshot, whatever order the snapshots arrive in."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain import Invoice, Payment, Subscription, Sweep
from services.billing.domain.facts import DisputeFact, InvoiceFact, PaymentFact, Stamp, SubscriptionFact
from services.billing.domain.sweep import OVERLAP, REACH, WINDOW

START = datetime(2026, 3, 1, tzinfo=UTC)


def stamp(second: int, kind: str = "x.updated", number: int = 0) -> Stamp:
    return Stamp(f"evt_{second:04}{number:04}", kind, START + timedelta(seconds=second))


def invoice_fact(status: str, attempts: int = 0) -> InvoiceFact:
    paid = status == "paid"
    return InvoiceFact(
        stripe_invoice_id="in_1",
        customer_id="cus_1",
        status=status,
        reason="subscription_create",
        number=None if status == "draft" else "A-1",
        total_minor=100,
        amount_paid_minor=100 if paid else 0,
        currency="EUR",
        attempts=attempts,
        subscription_id="sub_1",
        order_hint=None,
        created_at=START,
        paid_at=START if paid else None,
        hosted_invoice_url=None,
        pdf_url=None,
    )


def new_invoice(first: Stamp) -> Invoice:
    return Invoice(status="draft", as_of=first.created, as_of_order=-1, currency="EUR")


def shown(row: Any, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


@pytest.mark.fault(10)
@pytest.mark.bug("frappe/press #277")
def test_an_invoice_paid_within_one_second_ends_paid_in_every_order_and_is_news_once() -> None:
    snapshots = [invoice_fact("draft"), invoice_fact("open"), invoice_fact("open", 1), invoice_fact("paid", 2)] * 2
    for arrival in set(itertools.permutations(range(len(snapshots)), 5)):
        if 3 not in arrival and 7 not in arrival:
            continue
        row = new_invoice(stamp(5))
        news = [row.mirror(snapshots[index], stamp(5)) for index in arrival]
        assert (row.status, row.amount_paid_minor, sum(news)) == ("paid", 100, 1)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from(["draft", "open", "void", "uncollectible", "paid"]), st.integers(0, 3)
        ),
        min_size=1,
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_an_invoice_shows_the_same_whatever_the_order(snapshots: list[tuple[int, str, int]], rng: Any) -> None:
    def replay(arrival: Sequence[tuple[int, str, int]]) -> tuple[Any, ...]:
        row = new_invoice(stamp(arrival[0][0]))
        for second, status, attempts in arrival:
            row.mirror(invoice_fact(status, attempts), stamp(second))
        return shown(row, "status", "number", "amount_paid_minor", "as_of", "as_of_order")

    assert replay(snapshots) == replay(rng.sample(snapshots, len(snapshots)))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["created", "updated", "deleted"]),
            st.sampled_from(["incomplete", "active", "past_due", "canceled"]),
            st.integers(0, 9999),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda item: (item[0], item[3]),
    ),
    st.randoms(use_true_random=False),
)
def test_a_subscription_shows_the_same_whatever_the_order(snapshots: list[tuple[int, str, str, int]], rng: Any) -> None:
    def replay(arrival: Sequence[tuple[int, str, str, int]]) -> tuple[Any, ...]:
        row = Subscription(
            status="incomplete", as_of=START + timedelta(seconds=arrival[0][0]), as_of_order=-1, as_of_event=""
        )
        for second, kind, status, number in arrival:
            fact = SubscriptionFact("sub_1", "cus_1", status, START, False, None)
            row.mirror(fact, stamp(second, f"customer.subscription.{kind}", number))
        return shown(row, "status", "as_of", "as_of_order", "as_of_event")

    assert replay(snapshots) == replay(rng.sample(snapshots, len(snapshots)))


def test_an_ended_subscription_does_not_come_back() -> None:
    row = Subscription(status="incomplete", as_of=START, as_of_order=-1, as_of_event="")
    row.mirror(SubscriptionFact("sub_1", "cus_1", "canceled", None, False, None), stamp(1, "x.deleted"))
    assert not row.mirror(SubscriptionFact("sub_1", "cus_1", "active", None, False, None), stamp(9))
    assert row.status == "canceled"


def disputed(status: str) -> DisputeFact:
    return DisputeFact("ch_1", "pi_1", status, "fraudulent", 100, "EUR", "dp_1")


def payment_fact(status: str, refunded: int = 0) -> PaymentFact:
    return PaymentFact("ch_1", "pi_1", "cus_1", status, 100, "EUR", refunded, None, None, None)


def test_a_payment_shows_the_same_in_every_order_of_refunds_and_disputes() -> None:
    def replay(arrival: Sequence[Any]) -> tuple[Any, ...]:
        first = arrival[0][1]
        row = Payment(status="pending", as_of=first.created, amount_minor=0, refunded_minor=0, dispute_as_of_order=-1)
        for fact, at in arrival:
            if isinstance(fact, DisputeFact):
                row.dispute(fact, at)
            else:
                row.mirror(fact, at)
        return shown(row, "status", "refunded_minor", "dispute_status", "disputed_minor")

    told = [
        (payment_fact("succeeded"), stamp(1)),
        (payment_fact("succeeded", 40), stamp(2)),
        (payment_fact("succeeded", 100), stamp(2)),
        (
            DisputeFact("ch_1", "pi_1", "needs_response", "fraudulent", 100, "EUR", "dp_1"),
            stamp(3, "charge.dispute.created"),
        ),
        (DisputeFact("ch_1", "pi_1", "lost", "fraudulent", 100, "EUR", "dp_1"), stamp(3, "charge.dispute.closed")),
    ]
    assert {replay(arrival) for arrival in itertools.permutations(told)} == {("succeeded", 100, "lost", 100)}


def test_a_refusal_is_reported_once() -> None:
    row = Payment(status="pending", as_of=START, refunded_minor=0)
    assert not row.report_failure(START)
    row.mirror(payment_fact("failed"), stamp(1))
    assert [row.report_failure(START), row.report_failure(START)] == [True, False]


def test_a_sweep_covers_every_moment_and_never_skips_one() -> None:
    sweep, now = Sweep.begin("events", START), START + timedelta(hours=72)
    covered, rounds = START - timedelta(hours=1), 0
    while covered < now:
        since, until = sweep.window(now)
        assert since <= covered - OVERLAP
        assert until - covered <= WINDOW
        sweep.page_read("evt_1")
        assert sweep.window(now) == (since, until), "a window under way stays the same"
        sweep.page_read(None)
        covered, rounds = until, rounds + 1
    assert rounds == 13


def test_a_sweep_after_a_very_long_time_reaches_as_far_back_as_stripe_does() -> None:
    sweep = Sweep.begin("events", START)
    now = START + timedelta(days=90)
    since, until = sweep.window(now)
    assert (since, until) == (now - REACH, now - REACH + WINDOW)
