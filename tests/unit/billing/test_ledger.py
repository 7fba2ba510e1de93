"""The ledger's rules: what each fact of Stripe moves, and that neither order nor repetition changes it."""

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain import (
    Account,
    CreditNote,
    Dispute,
    Draft,
    Kind,
    Payment,
    Refund,
    payment_drafts,
    refund_drafts,
)
from tests.support.books import GIVEN, START, TAKEN, Books, Told, charge, dispute, invoice, note, refund, stamp

PURCHASE: Sequence[Told] = (
    (charge("pending"), stamp(1, "charge.pending")),
    (charge(), stamp(2, "charge.succeeded")),
    (invoice("draft"), stamp(1, "invoice.created")),
    (invoice("open"), stamp(1, "invoice.finalized")),
    (invoice("paid"), stamp(2, "invoice.paid")),
    (refund("pending"), stamp(20, "refund.created")),
    (refund("succeeded"), stamp(21, "refund.updated")),
    (charge(refunded=700), stamp(20, "charge.refunded")),
    (refund("failed"), stamp(60, "refund.failed")),
    (refund("succeeded", "re_2", 300), stamp(70, "refund.created")),
    (dispute("needs_response"), stamp(40, "charge.dispute.created")),
    (dispute("needs_response", TAKEN), stamp(40, "charge.dispute.funds_withdrawn")),
    (dispute("won", TAKEN, GIVEN), stamp(90, "charge.dispute.funds_reinstated")),
    (dispute("won", TAKEN, GIVEN), stamp(91, "charge.dispute.closed")),
)


@given(st.permutations([*PURCHASE, *PURCHASE]))
def test_every_order_and_repetition_of_a_purchase_s_facts_gives_the_same_ledger(arrival: list[Told]) -> None:
    books, straight = Books().hear(arrival), Books().hear(PURCHASE)
    assert books.entries == straight.entries
    assert books.balances() == {
        "stripe_clearing": 2700 - 300 - 104 - 1500,
        "revenue": -2700,
        "refunds": 300,
        "fees": 104 + 1500,
    }
    assert books.rows["re_1"].status == "failed"
    assert (books.rows["dispute"].status, books.rows["invoice"].status) == ("won", "paid")


@given(st.permutations(PURCHASE))
def test_at_every_moment_clearing_is_captures_less_refunds_disputes_and_fees(arrival: list[Told]) -> None:
    books = Books()
    for told in arrival:
        balances = books.hear([told]).balances()
        captured = 2700 if (Kind.CAPTURE, "ch_1") in books.entries else 0
        gone = sum(balances.get(account, 0) for account in ("refunds", "disputes", "fees"))
        assert balances.get("stripe_clearing", 0) == captured - gone
        assert sum(balances.values()) == 0


def test_an_invoice_is_owed_when_final_and_settled_when_paid() -> None:
    books = Books()
    assert books.hear([(invoice("draft"), stamp(1, "invoice.created"))]).balances() == {}
    books.hear([(invoice("open"), stamp(2, "invoice.finalized"))])
    assert books.balances() == {"receivables": 2700, "revenue": -2700}
    books.hear([(charge(), stamp(3, "charge.succeeded")), (invoice("paid"), stamp(3, "invoice.paid"))])
    assert "receivables" not in books.balances()
    assert "customer_credit" not in books.balances()


@pytest.mark.parametrize("applied", [200, 2700, -20])
def test_what_the_customer_s_balance_pays_is_not_charged(applied: int) -> None:
    books = Books().hear([(invoice("paid", applied=applied), stamp(1, "invoice.paid"))])
    assert books.balances() == {"customer_credit": 2700, "revenue": -2700}
    kinds = {kind for kind, _name in books.entries}
    assert (Kind.INVOICE_PAID in kinds) == (applied != 2700)


def test_a_void_invoice_was_never_owed_and_gives_the_balance_back() -> None:
    told = [(invoice("open", applied=200), stamp(1, "invoice.finalized"))]
    told += [(invoice("void", applied=200), stamp(5, "invoice.voided"))]
    assert Books().hear(told).balances() == {}
    assert Books().hear(told[::-1]).balances() == {}


def test_a_lost_dispute_keeps_the_money_away_and_an_inquiry_never_takes_it() -> None:
    taken: list[Told] = [
        (charge(), stamp(1, "charge.succeeded")),
        (dispute("lost", TAKEN), stamp(50, "charge.dispute.closed")),
    ]
    assert Books().hear(taken).balances()["disputes"] == 2000
    asked: list[Told] = [(charge(), stamp(1, "charge.succeeded"))]
    asked += [(dispute("warning_needs_response"), stamp(40, "charge.dispute.created"))]
    asked += [(dispute("warning_closed"), stamp(50, "charge.dispute.closed"))]
    books = Books().hear(asked)
    assert "disputes" not in books.balances()
    assert books.rows["dispute"].status == "warning_closed"


def test_a_won_appeal_follows_a_lost_dispute() -> None:
    row = Dispute.begin(dispute("needs_response"), stamp(40, "charge.dispute.created"))
    words = ("lost", "appeal_needs_response", "appeal_under_review", "won")
    states = []
    for second, word in enumerate(words, 50):
        row.mirror(dispute(word), stamp(second, "charge.dispute.updated"))
        states.append((row.status, row.stripe_status, row.closed_at is not None))
    assert [state for state, _word, _closed in states] == ["lost", "appeal_open", "appeal_under_review", "won"]
    assert [word for _state, word, _closed in states] == list(words)
    assert [closed for _state, _word, closed in states] == [True, False, False, True]


@pytest.mark.parametrize("kind", ["refund", "dispute", "credit note"])
def test_a_status_that_stripe_adds_is_kept_and_shown(kind: str) -> None:
    at = stamp(9, "x.updated")
    row: Any
    if kind == "refund":
        row = Refund.begin(refund("pending"), at)
        row.mirror(refund("on_a_ship"), at)
    elif kind == "dispute":
        row = Dispute.begin(dispute("needs_response"), at)
        row.mirror(dispute("on_a_ship"), at)
    else:
        row = CreditNote.begin(note("issued"), "acc")
        row.mirror(note("on_a_ship"), at)
    assert (row.status, row.stripe_status) == ("other", "on_a_ship")


@pytest.mark.parametrize(
    ("parts", "moved"),
    [
        ({"before_payment_minor": 1000}, {"receivables": -1000}),
        ({"refunded_minor": 1000}, {"refunds": -1000}),
        ({}, {"customer_credit": -1000}),
        ({"before_payment_minor": 300, "refunded_minor": 200, "out_of_band_minor": 100},
         {"receivables": -300, "refunds": -300, "customer_credit": -400}),
    ],
)  # fmt: skip
def test_a_credit_note_lowers_revenue_and_says_where_it_went(parts: dict[str, int], moved: dict[str, int]) -> None:
    issued = (note("issued", **parts), stamp(1, "credit_note.created"))
    assert Books().hear([issued]).balances() == {"revenue": 1000, **moved}
    voided = (note("void", **parts), stamp(9, "credit_note.voided"))
    assert Books().hear([issued, voided]).balances() == Books().hear([voided]).balances() == {}


def test_what_does_not_balance_is_no_entry() -> None:
    with pytest.raises(ValueError, match="does not balance"):
        Draft(Kind.CAPTURE, "ch_1", START, "EUR", {Account.CLEARING: 100, Account.CUSTOMER_CREDIT: -99})


def test_a_charge_of_somebody_else_s_customer_is_not_in_our_books() -> None:
    row = Payment(reference="ch_1", status="pending", currency="EUR", as_of=START, amount_minor=0, refunded_minor=0)
    row.mirror(charge(), stamp(1, "charge.succeeded"))
    assert payment_drafts(row) == []
    row.account_id = "acc"
    assert [draft.kind for draft in payment_drafts(row)] == [Kind.CAPTURE, Kind.FEE]


def test_nothing_is_booked_until_the_charge_itself_was_seen() -> None:
    row = Payment(reference="ch_1", status="pending", currency="EUR", as_of=START, amount_minor=0, refunded_minor=0)
    row.account_id = "acc"
    intent = dataclasses.replace(charge(), made_at=None, cost=None)
    row.mirror(intent, stamp(1, "payment_intent.succeeded"))
    assert (row.status, payment_drafts(row)) == ("succeeded", [])


def test_refunds_that_were_booked_as_a_sum_are_not_booked_again_but_may_still_come_back() -> None:
    row = Refund.begin(refund("succeeded"), stamp(20, "refund.updated"))
    row.mirror(refund("failed"), stamp(60, "refund.failed"))
    assert [draft.kind for draft in refund_drafts(row, START)] == [Kind.REFUND_RETURNED]
    later = dataclasses.replace(refund("succeeded"), created_at=START + timedelta(seconds=1))
    assert [draft.kind for draft in refund_drafts(Refund.begin(later, stamp(20, "x")), START)] == [Kind.REFUND]
