"""What renews together, when its subscription begins or moves, and what is told of it."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain import Checkout, CheckoutLine, PaymentGroup, Subscription
from services.billing.domain.interval import ONE_TIME, UnknownInterval, recurrence_of
from services.billing.domain.payment_group import NEVER, WITH_DELIVERY, WITH_PAYMENT, group_lines, per_price
from shared.contracts.intervals import INTERVALS, Recurrence
from shared.kernel import new_id

NOW = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
PRICES = [new_id("prc") for _ in range(4)]


def line(interval: str = "month", quantity: int = 1, price: int = 0, amount: int = 1000, fee: int = 0) -> CheckoutLine:
    return CheckoutLine(PRICES[price], "thing", quantity, amount, fee, interval, new_id("itm"))


def groups_of(*lines: CheckoutLine) -> list[PaymentGroup]:
    checkout = Checkout.begin(
        order_id=new_id("ord"),
        order_number="EZ-1",
        account_id=new_id("acc"),
        currency="EUR",
        total_minor=sum(line.total_minor for line in lines),
        lines=lines,
        order_expires_at=NOW + timedelta(hours=12),
        at=NOW,
    )
    return PaymentGroup.of(checkout, lines, NOW)


lines_of_a_cart = st.lists(
    st.builds(
        line,
        interval=st.sampled_from(sorted(INTERVALS)),
        quantity=st.integers(1, 9),
        price=st.integers(0, 3),
        amount=st.integers(0, 10**6),
        fee=st.integers(0, 1000),
    ),
    min_size=1,
    max_size=20,
)


@given(lines_of_a_cart)
def test_the_groups_of_any_cart_part_its_items_without_losing_or_repeating_one(lines: list[CheckoutLine]) -> None:
    groups = groups_of(*lines)
    assert sorted(item for group in groups for item in group.item_ids) == sorted(str(entry.item_id) for entry in lines)
    assert len({group.interval for group in groups}) == len(groups) == len(group_lines(lines))
    for group in groups:
        assert {entry.interval for entry in lines if entry.item_id in group.item_ids} == {group.interval}


@given(lines_of_a_cart)
def test_what_the_groups_charge_is_what_the_lines_cost_without_their_fees(lines: list[CheckoutLine]) -> None:
    first_period = sum(entry.quantity * entry.unit_amount_minor for entry in lines)
    assert sum(group.total_minor for group in groups_of(*lines)) == first_period


@given(lines_of_a_cart)
def test_no_price_stands_twice_in_what_a_group_asks_of_stripe(lines: list[CheckoutLine]) -> None:
    for group in groups_of(*lines):
        units = per_price(group.items)
        assert sum(units.values()) == sum(item.quantity for item in group.items)
        assert set(units) == {item.price_id for item in group.items}


@given(lines_of_a_cart)
def test_a_subscription_begins_with_the_payment_only_where_checkout_can_make_it(lines: list[CheckoutLine]) -> None:
    renewing = {entry.interval for entry in lines} - {ONE_TIME}
    for group in groups_of(*lines):
        if group.interval == ONE_TIME:
            assert group.starts == NEVER
        else:
            assert group.starts == (WITH_PAYMENT if len(renewing) == 1 else WITH_DELIVERY)


def test_an_interval_nobody_knows_is_refused_and_never_taken_for_a_month() -> None:
    for word in ("week", "", "months", "Month", "year "):
        with pytest.raises(UnknownInterval):
            recurrence_of(word)


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("month", "2028-01-31", "2028-02-29"),
        ("month", "2027-12-15", "2028-01-15"),
        ("quarter", "2026-11-30", "2027-02-28"),
        ("half_year", "2027-08-31", "2028-02-29"),
        ("year", "2028-02-29", "2029-02-28"),
        ("two_years", "2027-03-01", "2029-03-01"),
        ("three_years", "2027-03-01", "2030-03-01"),
    ],
)
def test_an_interval_later_is_counted_by_the_calendar(interval: str, start: str, end: str) -> None:
    recurrence = recurrence_of(interval)
    assert recurrence is not None
    assert recurrence.after(datetime.fromisoformat(f"{start}T00:00Z")).date().isoformat() == end


def test_a_group_begins_when_its_last_item_runs_and_charges_an_interval_later() -> None:
    first, second = line(), line(amount=500)
    [monthly, _yearly] = groups_of(first, second, line("year"))
    assert (monthly.delivered_at, monthly.first_charge_at()) == (None, None)
    monthly.items[0].delivered_at = NOW
    assert monthly.first_charge_at() is None
    monthly.items[1].delivered_at = NOW + timedelta(days=1)
    assert monthly.first_charge_at() == Recurrence("month", 1).after(NOW + timedelta(days=1))


def test_an_item_that_is_over_keeps_its_group_waiting_for_nothing() -> None:
    [monthly, _yearly] = groups_of(line(), line(), line("year"))
    monthly.items[0].delivered_at = NOW
    monthly.items[1].live_units = 0
    assert monthly.delivered_at == NOW


@pytest.mark.parametrize(
    ("after", "delay"),
    [
        (timedelta(minutes=5), None),
        (timedelta(hours=1), None),
        (timedelta(hours=1, seconds=1), timedelta(hours=1, seconds=1)),
        (timedelta(days=40), timedelta(days=40)),
    ],
)
def test_only_a_late_delivery_moves_the_next_charge_and_by_all_of_its_delay(
    after: timedelta, delay: timedelta | None
) -> None:
    [group] = groups_of(line())
    group.items[0].delivered_at = NOW + after
    assert group.delay() is None
    group.paid_at = NOW
    assert group.delay() == delay


def snapshot(status: str) -> Any:
    return Subscription(stripe_subscription_id="sub_1", status=status, period_end=NOW, ends_at=None, as_of=NOW)


STORIES: list[tuple[list[str], list[list[str]]]] = [
    (["active", "active"], [["started"], []]),
    (["trialing", "active"], [["started"], []]),
    (["incomplete", "active"], [[], ["started"]]),
    (["active", "past_due", "past_due", "active"], [["started"], ["past_due"], [], ["recovered"]]),
    (["active", "past_due", "canceled", "canceled"], [["started"], ["past_due"], ["ended"], []]),
    (["active", "past_due", "unpaid", "canceled"], [["started"], ["past_due"], ["ended"], []]),
    (["active", "unpaid", "active"], [["started"], ["ended"], ["recovered"]]),
    (["past_due"], [["started", "past_due"]]),
    (["canceled"], [["ended"]]),
    (["incomplete", "incomplete_expired"], [[], ["ended"]]),
]


@pytest.mark.parametrize(("statuses", "news"), STORIES, ids=[" → ".join(statuses) for statuses, _ in STORIES])
def test_each_change_of_a_subscription_is_news_once(statuses: list[str], news: list[list[str]]) -> None:
    [group] = groups_of(line())
    group.paid_at = NOW
    assert [group.follow(snapshot(status)) for status in statuses] == news


def test_before_the_money_nothing_is_news() -> None:
    [group] = groups_of(line())
    assert group.follow(snapshot("active")) == []
    group.paid_at = NOW
    assert group.follow(snapshot("active")) == ["started"]


def test_no_story_of_any_length_tells_the_same_thing_twice_in_a_row() -> None:
    words = ("active", "past_due", "unpaid", "canceled")
    for statuses in itertools.product(words, repeat=5):
        [group] = groups_of(line())
        group.paid_at = NOW
        told = [word for status in statuses for word in group.follow(snapshot(status))]
        assert all(first != second for first, second in itertools.pairwise(told))


def test_a_group_has_one_subscription_and_keeps_it() -> None:
    [group] = groups_of(line())
    assert group.bind("sub_1")
    assert group.bind("sub_1")
    assert not group.bind("sub_2")
    assert group.stripe_subscription_id == "sub_1"


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=31), timedelta(days=700)])
def test_a_start_tells_the_period_its_payment_was_for_however_late_it_is_told(later: timedelta) -> None:
    [group] = groups_of(line("month"))
    group.paid_at, group.status = NOW, "active"
    group.period_end = datetime(2027, 2, 28, 11, 59, 58, tzinfo=UTC) + later
    told = group.first_period_end(NOW)
    assert told == (group.period_end if not later else datetime(2027, 2, 28, 12, 0, tzinfo=UTC))


def test_a_trial_is_never_charged_and_told_as_it_is() -> None:
    [group] = groups_of(line("month"))
    group.paid_at, group.status, group.period_end = NOW, "trialing", NOW + timedelta(days=90)
    assert group.first_period_end(NOW) == NOW + timedelta(days=90)
