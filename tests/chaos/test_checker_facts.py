"""Facts and events are swallowed, lost, doubled and forged on purpose, and the checker says which."""

import contextlib
from typing import Any

import pytest

from services.billing.domain import Payment
from services.billing.use_cases import apply_event
from services.billing.use_cases.applied import Applied
from services.catalog.domain import Order
from shared.kernel.ids import uuid7
from shared.messaging import Consumer, Outbox
from shared.messaging.transports.local import LocalTransport
from tests.support.market import Market, before, market, names

__all__ = ["before", "market"]
pytestmark = [pytest.mark.chaos]


async def test_i9_a_failed_handler_that_keeps_its_dedupe_key(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatch = Consumer._dispatch

    def failing(*_arguments: Any, **_named: Any) -> bool:
        raise ArithmeticError("the handler fails")

    async def swallowing(consumer: Consumer, work: Any, envelope: Any) -> None:
        # The guard that is gone: a failure takes the row that says "handled" back with it.
        with contextlib.suppress(ArithmeticError):
            await dispatch(consumer, work, envelope)

    monkeypatch.setattr(Order, "receive", failing)
    monkeypatch.setattr(Consumer, "_dispatch", swallowing)
    order = await market.buy("i9")
    await market.quiet()
    found = await market.newly_broken(before)
    assert names(found, "I9", "catalog.inbox", "billing.checkout.paid.v1")
    assert names(found, "B7", order)


async def test_i9_a_stripe_event_that_counts_as_processed_and_settled_nothing(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_arguments: Any) -> Applied:
        return Applied("awaiting payment")

    async def no_proof(*_arguments: Any) -> None:
        return None

    monkeypatch.setitem(apply_event.SESSIONS, "checkout.session.completed", nothing)
    monkeypatch.setattr("services.billing.use_cases.mirror_invoice.settle_by_invoice", no_proof)
    order = await market.order("i9-event")
    page = await market.session(order)
    await market.stripe("POST", f"/_sandbox/checkout/{page}/pay", {"outcome": "success"})
    await market.quiet()
    found = await market.newly_broken(before)
    assert names(found, "I9", "evt_", page)
    assert names(found, "B7", order)


async def test_i10_a_broker_that_confirms_what_it_lost(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_to_all = LocalTransport._deliver

    async def losing(transport: LocalTransport, message: Any) -> Any:
        if message.wire_type == "catalog.entitlement.granted.v1":
            return None  # confirmed, and gone
        return await deliver_to_all(transport, message)

    monkeypatch.setattr(LocalTransport, "_deliver", losing)
    order = await market.buy("i10-lost")
    await market.status(order, "paid")
    await market.quiet()
    found = await market.newly_broken(before)
    assert names(found, "I10", "catalog.entitlement.granted.v1", "by provisioning")


async def test_i10_a_fact_told_twice_under_two_ids(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Outbox.write

    async def twice(outbox: Outbox, session: Any, facts: Any) -> None:
        again = [fact for fact in facts if fact.event.wire_type == "billing.checkout.paid.v1"]
        await write(outbox, session, [*facts, *again])

    monkeypatch.setattr(Outbox, "write", twice)
    order = await market.buy("i10-twice")
    await market.delivered(order)
    assert names(await market.newly_broken(before), "I10", "billing.checkout.paid.v1", order)


async def test_i10_a_fact_sent_before_its_commit_and_never_committed(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over = LocalTransport._hand_over
    sent: list[str] = []

    async def early(transport: LocalTransport, consumer: str, message: Any) -> None:
        await hand_over(transport, consumer, message)
        if message.wire_type == "billing.invoice.paid.v1" and not sent:
            # What a service does that publishes from inside a transaction which then rolls back.
            unborn = str(uuid7())
            sent.append(unborn)
            body = message.body.replace(message.id.encode(), unborn.encode())
            await hand_over(transport, consumer, type(message)(unborn, message.wire_type, body, message.trace))

    monkeypatch.setattr(LocalTransport, "_hand_over", early)
    await market.delivered(await market.buy("i10-early"))
    assert names(await market.newly_broken(before), "I10", sent[0], "in support")


async def test_i10_a_refusal_told_for_each_event_that_speaks_of_it(
    market: Market, before: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def each_time(payment: Payment, at: Any) -> bool:
        payment.failure_reported_at = at
        return True

    async def never(*_arguments: Any) -> bool:
        return False

    monkeypatch.setattr(Payment, "report_failure", each_time)
    # For a customer who had bought something, the charge alone could be a renewal's and is told of no order.
    monkeypatch.setattr("services.billing.use_cases.record_payment._may_be_a_renewal", never)
    # A sum no other order here has: the refused charge itself names no order, and is found by its amount.
    order = await market.order("i10-refused", quantity=3)
    page = await market.session(order)
    await market.stripe("POST", f"/_sandbox/checkout/{page}/pay", {"outcome": "decline"})
    await market.quiet()
    assert names(await market.newly_broken(before), "I10", order, "2 told")


async def test_i10_a_fact_changed_by_hand_on_its_way(market: Market, before: set[tuple[str, str]]) -> None:
    newest = "(SELECT id FROM catalog.inbox ORDER BY created_at DESC LIMIT 1)"
    (row,) = await market.sql(f"UPDATE catalog.inbox SET body = body || ' '::bytea WHERE id = {newest} RETURNING id")
    assert names(await market.newly_broken(before), "I10", str(row["id"]), "in catalog")
