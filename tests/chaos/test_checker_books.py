"""Every line of the books is made wrong on purpose, and the checker says which and where."""

import itertools
from typing import Any

import pytest

from services.billing.adapters.intake import EventStore
from services.billing.adapters.stripe import SignatureVerifier
from services.catalog.domain import Entitlement, Order
from services.catalog.use_cases import follow_delivery
from services.support.use_cases import notifying
from shared.database import FailureClass, HandlingFailed
from shared.messaging import Outbox
from tests.support.market import Market, before, market, names

__all__ = ["before", "market"]
pytestmark = [pytest.mark.chaos]
Before = set[tuple[str, str]]


async def test_b1_an_event_acknowledged_before_it_is_stored(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = EventStore.insert

    async def forgetful(store: EventStore, events: Any) -> None:
        await insert(store, [event for event in events if event.type != "invoice.finalized"])

    monkeypatch.setattr(EventStore, "insert", forgetful)
    await market.delivered(await market.buy("b1"))
    event = (await market.stripe("GET", "/v1/events?type=invoice.finalized&limit=1"))["data"][0]["id"]
    assert (await market.newly_broken(before))["B1"] == [event]


async def test_b1_signatures_are_not_checked(market: Market, before: Before, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignatureVerifier, "verify", lambda *_arguments: None)
    event = (await market.stripe("GET", "/v1/events?limit=1"))["data"][0]["id"]
    await market.stripe("POST", f"/_sandbox/events/{event}/resend", {"forge": "wrong_secret"})
    await market.quiet()
    assert event in (await market.newly_broken(before))["B1"]


async def test_b1_an_event_that_stripe_never_made_put_in_by_hand(market: Market, before: Before) -> None:
    await market.sql(
        "INSERT INTO billing.stripe_events (id, type, stripe_created_at, livemode, payload, state, outcome) "
        "VALUES ('evt_from_nowhere', 'invoice.paid', now(), false, '{}', 'done', 'ignored')"
    )
    assert (await market.newly_broken(before))["B1"] == ["evt_from_nowhere"]


async def test_b2_a_payment_that_is_applied_each_time_it_is_told(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = Order._settle

    def again(order: Order, payment: Any, **particulars: Any) -> bool:
        news = settle(order, payment, **particulars)
        detail = {"amount": str(payment.particulars)}
        order.note("pay", at=particulars["at"], by=particulars["by"], detail=detail)
        return news

    monkeypatch.setattr(Order, "_settle", again)
    order = await market.buy("b2")
    await market.delivered(order)
    assert (await market.newly_broken(before))["B2"] == [f"{order} pay"]


async def test_b3_more_rights_than_were_paid_for(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = Order.grant

    def generous(order: Order, *, at: Any, by: str) -> list[Entitlement]:
        for item in order.items:
            item.quantity += 1
            item.units = [*item.units, item.units[-1]]
        granted = grant(order, at=at, by=by)
        for item in order.items:
            item.quantity -= 1
            item.units = item.units[:-1]
        return granted

    monkeypatch.setattr(Order, "grant", generous)
    order = await market.buy("b3")
    await market.delivered(order)
    found = await market.newly_broken(before)
    assert names(found, "B3", order, "2 of 1")
    assert names(found, "I1", order)
    assert names(found, "I10", "2 grants")


async def test_b3_a_paid_order_that_grants_nothing(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_arguments: Any, **_particulars: Any) -> list[Entitlement]:
        return []

    monkeypatch.setattr(Order, "grant", nothing)
    order = await market.buy("b3-none")
    await market.status(order, "paid")
    await market.quiet()
    found = await market.newly_broken(before)
    assert names(found, "B3", order, "0 of 1")
    assert names(found, "I1", order)
    assert names(found, "B7", order)


async def test_b4_a_second_resource_put_beside_the_first_after_its_constraint_was_dropped(
    market: Market, before: Before
) -> None:
    await market.delivered(await market.buy("b4"))
    newest = (await market.sql("SELECT * FROM provisioning.resources ORDER BY created_at DESC LIMIT 1"))[0]
    columns = ", ".join(name for name in newest.keys() if name not in ("id", "external_ref"))  # noqa: SIM118 - a record
    await market.sql("ALTER TABLE provisioning.resources DROP CONSTRAINT uq_resources_entitlement_id")
    await market.sql(
        f"INSERT INTO provisioning.resources (id, {columns}) SELECT gen_random_uuid(), {columns} "
        "FROM provisioning.resources WHERE id = $1",
        newest["id"],
    )
    assert names(await market.newly_broken(before), "B4", "ent_", "svc_", ", svc_")


async def test_b5_a_machine_number_changed_by_hand_in_the_books(market: Market, before: Before) -> None:
    order = await market.buy("b5")
    await market.delivered(order)
    service = (await market.api("GET", f"/api/v1/services?order_id={order}"))["data"][0]["id"]
    newest = "(SELECT id FROM provisioning.resources ORDER BY created_at DESC LIMIT 1)"
    await market.sql(f"UPDATE provisioning.resources SET external_ref = '424242' WHERE id = {newest}")
    assert names(await market.newly_broken(before), "B5", service, "424242")


async def test_b6_a_mail_for_each_time_it_is_told(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify, numbers = notifying.notify, itertools.count()

    async def each_time(work: Any, dedupe_key: str, template: str, **more: Any) -> bool:
        for _ in range(2 if template == "welcome_service" else 1):
            await notify(work, f"{dedupe_key}:{next(numbers)}", template, **more)
        return True

    monkeypatch.setattr(notifying, "notify", each_time)
    order = await market.buy("b6")
    await market.delivered(order)
    service = (await market.api("GET", f"/api/v1/services?order_id={order}"))["data"][0]["id"]
    assert (await market.newly_broken(before))["B6"] == [f"welcome:{service}"]


async def test_b6_a_mail_that_counts_as_sent_and_never_left(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def into_the_void(*_arguments: Any) -> None:
        """The guard that is gone: the mail server's own acceptance."""

    monkeypatch.setattr("services.support.adapters.smtp.SmtpMailer.send", into_the_void)
    await market.delivered(await market.buy("b6-lost"))
    assert names(await market.newly_broken(before), "B6", "ntf_")


async def test_b7_the_fact_of_a_payment_is_not_written_with_it(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Outbox.write

    async def forgetful(outbox: Outbox, session: Any, facts: Any) -> None:
        kept = [fact for fact in facts if fact.event.wire_type != "billing.checkout.paid.v1"]
        if kept:
            await write(outbox, session, kept)

    monkeypatch.setattr(Outbox, "write", forgetful)
    order = await market.buy("b7")
    await market.quiet()
    assert names(await market.newly_broken(before), "B7", order, "cs_test_")


async def test_b7_money_that_does_not_fit_is_shown_to_nobody(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Outbox.write

    async def silent(outbox: Outbox, session: Any, facts: Any) -> None:
        kept = [fact for fact in facts if fact.event.wire_type != "billing.payment.mismatched.v1"]
        if kept:
            await write(outbox, session, kept)

    monkeypatch.setattr(Outbox, "write", silent)
    order = await market.order("b7-cheap")
    page = await market.session(order)
    await market.stripe("POST", "/_sandbox/faults", {"next_checkout": [{"currency": "usd"}]})
    await market.stripe("POST", f"/_sandbox/checkout/{page}/pay", {"outcome": "success"})
    await market.quiet()
    found = await market.newly_broken(before)
    paid = await market.stripe("GET", f"/v1/checkout/sessions/{page}")
    # Stripe bills a customer in one currency only, while a subscription lives: the next test buys in euros.
    await market.stripe("DELETE", f"/v1/subscriptions/{paid['subscription']}")
    await market.quiet()
    assert names(found, "B7", order, page)
    assert names(found, "I5", page)


async def test_b8_an_order_that_counts_itself_paid_by_hand_in_the_rows(market: Market, before: Before) -> None:
    order = await market.order("b8")
    newest = "(SELECT id FROM catalog.orders ORDER BY id DESC LIMIT 1)"
    await market.sql(f"UPDATE catalog.orders SET status = 'paid', paid_at = now() WHERE id = {newest}")
    found = await market.newly_broken(before)
    await market.sql(f"UPDATE catalog.orders SET status = 'awaiting_payment', paid_at = NULL WHERE id = {newest}")
    assert names(found, "B8", order, "(paid)")


async def test_b9_work_that_was_given_up(market: Market, before: Before, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refusing(*_arguments: Any) -> Any:
        raise HandlingFailed("nobody can do this", FailureClass.PERMANENT)

    monkeypatch.setattr(notifying.MailSender, "send", refusing)
    monkeypatch.setattr("services.support.adapters.smtp.SmtpMailer.send", refusing)
    await market.delivered(await market.buy("b9"))
    assert names(await market.newly_broken(before), "B9", "support.notifications", "nobody can do this")


async def test_b9_work_that_still_waits(market: Market, before: Before, monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_yet(*_arguments: Any) -> Any:
        raise HandlingFailed("come back tomorrow", FailureClass.TRANSIENT, retry_after=86_400)

    monkeypatch.setattr(follow_delivery, "_find", not_yet)
    order = await market.buy("b9-waits")
    await market.status(order, "paid")
    await market.quiet(but=("catalog.inbox",))
    found = await market.newly_broken(before)
    assert names(found, "B9", "catalog.inbox", "come back tomorrow")
    assert names(found, "B7", order)
    monkeypatch.undo()
    await market.sql("UPDATE catalog.inbox SET next_attempt_at = now() WHERE state = 'ready'")
    await market.delivered(order)
