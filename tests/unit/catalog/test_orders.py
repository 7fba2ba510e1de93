"""The rules of an order, without a database: totals, and money in every order it may be reported."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain import Described, Order, OrderItem, Particulars, Plan, PlanGroup
from shared.kernel import Conflict, Money, new_id

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
GROUP = PlanGroup.new("vps", "Servers")


def item(amount: int = 1200, fee: int = 0, quantity: int = 1, currency: str = "EUR") -> OrderItem:
    plan = Plan.draft(GROUP, "vps", "vps-m", "VPS M", at=NOW, by="test", spec={"cores": 2})
    price = plan.add_price(currency, "month", amount, fee, at=NOW, by="test")
    units = [(f"web-{ordinal}", {"hostname": f"web-{ordinal}"}) for ordinal in range(1, quantity + 1)]
    described = Described("web", "VPS M · web", {"hostname": "web"}, [], units)
    return OrderItem.of(plan, price, quantity=quantity, described=described)


def order(*items: OrderItem) -> Order:
    return Order.place("EZ-7K3M9QX", new_id("acc"), new_id("usr"), "EUR", items or [item()], at=NOW)


def pay(order: Order, *, checkout: str = "chk_1", amount: int | None = None, currency: str = "EUR") -> bool:
    total = order.total_minor if amount is None else amount
    return order.receive(order.account_id, Particulars(checkout, total, currency), paid_at=NOW, at=NOW, by="test")


lines = st.lists(
    st.builds(item, st.integers(1, 10**8), st.integers(0, 10**8), st.integers(1, 10)), min_size=1, max_size=20
)


@given(lines)
def test_lines_sum_to_the_total_in_whole_minor_units(items: list[OrderItem]) -> None:
    placed = order(*items)
    assert placed.total == sum((line.total for line in items), Money.zero("EUR"))
    assert placed.total_minor == sum((line.unit_minor + line.setup_fee_minor) * line.quantity for line in items)
    assert [line.position for line in placed.items] == list(range(len(items)))


@given(lines)
def test_a_paid_order_grants_one_entitlement_per_unit(items: list[OrderItem]) -> None:
    placed = order(*items)
    assert pay(placed)
    granted = placed.grant(at=NOW, by="test")
    assert len({(right.item_id, right.ordinal) for right in granted}) == sum(line.quantity for line in items)


def test_items_of_another_currency_cannot_be_added_up() -> None:
    with pytest.raises(ValueError, match="mix"):
        order(item(), item(currency="USD"))


def test_a_price_never_changes() -> None:
    plan = Plan.draft(GROUP, "vps", "vps-m", "VPS M", at=NOW, by="test")
    price = plan.add_price("EUR", "month", 1200, 0, at=NOW, by="test")
    for column, value in {"amount_minor": 1, "setup_fee_minor": 1, "currency": "USD", "interval": "year"}.items():
        with pytest.raises(ValueError, match="never changes"):
            setattr(price, column, value)


def test_a_plan_without_a_price_cannot_be_published() -> None:
    plan = Plan.draft(GROUP, "vps", "vps-m", "VPS M", at=NOW, by="test")
    with pytest.raises(Conflict, match="price"):
        plan.publish(at=NOW, by="test")


def test_a_repeated_payment_is_harmless_and_another_one_is_flagged() -> None:
    placed = order()
    assert pay(placed)
    assert not pay(placed)
    assert placed.attention == []
    for different in ({"checkout": "chk_2"}, {"amount": 1}, {"currency": "USD"}):
        assert not pay(placed, **different)
        assert placed.status == "paid"
        assert placed.attention == ["second_payment"]
    assert [payment.outcome for payment in placed.payments] == ["settled", "second", "second", "second"]


@pytest.mark.parametrize("different", [{"amount": 1199}, {"amount": 1201}, {"currency": "USD"}, {"currency": "eur"}])
def test_money_that_does_not_fit_puts_the_order_under_review(different: dict[str, int | str]) -> None:
    placed = order()
    assert not pay(placed, **different)  # type: ignore[arg-type]
    assert (placed.status, placed.review_reason) == ("under_review", "payment_mismatch")
    assert placed.attention == ["mismatched_payment"]


def test_money_of_another_account_puts_the_order_under_review() -> None:
    placed = order()
    money = Particulars("chk_1", placed.total_minor, "EUR")
    assert not placed.receive(new_id("acc"), money, paid_at=NOW, at=NOW, by="test")
    assert placed.status == "under_review"


def test_the_right_money_after_wrong_money_pays_and_the_wrong_money_stays_flagged() -> None:
    placed = order()
    assert not pay(placed, checkout="chk_0", amount=1)
    assert pay(placed)
    assert (placed.status, placed.attention, placed.review_reason) == ("paid", ["mismatched_payment"], None)


def test_the_right_money_for_a_closed_order_waits_for_staff() -> None:
    for close in (Order.cancel, Order.expire):
        placed = order()
        assert close(placed, at=NOW, by="test")
        assert not pay(placed)
        assert not pay(placed)
        assert placed.status == "under_review"
        assert placed.attention == ["late_payment"]
        assert not pay(placed, checkout="chk_2")
        assert placed.status == "under_review"
        assert placed.accept_payment(at=NOW, by="staff", reason="the customer still wants it")
        assert (placed.status, placed.attention) == ("paid", ["second_payment"])
        assert not placed.accept_payment(at=NOW, by="staff", reason="again")


def test_nothing_can_be_accepted_where_no_money_waits() -> None:
    with pytest.raises(Conflict, match="decision"):
        order().accept_payment(at=NOW, by="staff", reason="a favour")


def test_an_older_refusal_does_not_replace_a_newer_one() -> None:
    placed = order()
    for minute, news in ((5, True), (3, False), (5, False), (6, True)):
        moment = NOW + timedelta(minutes=minute)
        assert placed.payment_failed("card_declined", str(minute), failed_at=moment, at=NOW, by="test") is news
    assert placed.problem_message == "6"
    assert pay(placed)
    assert placed.problem_code is None
    assert not placed.payment_failed("card_declined", "late", failed_at=NOW + timedelta(days=1), at=NOW, by="test")


FACTS: dict[str, Callable[[Order], object]] = {
    "paid": pay,
    "paid again": pay,
    "declined": lambda one: one.payment_failed("card_declined", "No.", failed_at=NOW, at=NOW, by="test"),
    "wrong money": lambda one: one.report_mismatch(Particulars("chk_9", 1, "EUR"), "amount", at=NOW, by="test"),
    "second payment": lambda one: pay(one, checkout="chk_2", amount=77),
}


@pytest.mark.parametrize("names", itertools.permutations(FACTS), ids=" · ".join)
def test_facts_about_money_lead_to_the_same_order_whatever_their_order(names: tuple[str, ...]) -> None:
    placed = order()
    news = {name: FACTS[name](placed) for name in names}
    assert [news["paid"], news["paid again"]].count(True) == 1
    assert placed.status == "paid"
    assert placed.problem_code is None
    assert [payment.checkout_id for payment in placed.payments if payment.outcome == "settled"] == ["chk_1"]
    assert len(placed.payments) == 3
    assert set(placed.attention) <= {"mismatched_payment", "second_payment"}
    assert placed.attention


def test_a_closed_order_is_not_payable_and_says_why() -> None:
    for status in ("paid", "fulfilled", "canceled", "expired", "under_review"):
        placed = order()
        placed._status = status
        with pytest.raises(Conflict) as refused:
            placed.request_checkout(at=NOW)
        assert refused.value.slug == "order-not-payable"
    late = order()
    with pytest.raises(Conflict):
        late.request_checkout(at=late.expires_at)
