"""A purchase before and after Stripe's events: how it is begun, forgotten again, and looked at as a whole."""

from typing import Any

from tests.api.billing.conftest import Order, Shop


async def opened(shop: Shop, **changes: Any) -> tuple[Order, str]:
    """An order with an open payment page, and the page's id at Stripe."""
    order = shop.order(await shop.account(), **changes)
    answer = await shop.billing.open_checkout(order)
    assert answer.status_code == 200, answer.text
    rows = await shop.billing.rows("checkouts", "order_id, stripe_session_id")
    return order, rows[-1]["stripe_session_id"]


async def forget(shop: Shop) -> None:
    """Takes billing back to before any event had arrived."""
    for table in ("stripe_events", "invoices", "subscriptions", "payments", "outbox"):
        await shop.billing.execute(f"DELETE FROM {table}")
    await shop.billing.execute(
        "UPDATE payment_groups SET status = 'waiting', stripe_subscription_id = NULL, period_end = NULL,"
        " ends_at = NULL, announced = NULL, paid_at = NULL"
    )
    await shop.billing.execute(
        "UPDATE checkouts SET status = 'open', paid_at = NULL, mismatch = NULL, stripe_subscription_id = NULL"
    )


async def picture(shop: Shop) -> dict[str, Any]:
    """The state that every order of arrival must lead to."""
    rows = shop.billing.rows
    facts = await shop.billing.facts()
    for fact in facts:
        fact.pop("paid_at", None)
        fact.pop("started_at", None)
        fact.pop("invoice_id", None)
        fact.pop("failed_at", None)
    return {
        "checkouts": await rows("checkouts", "status, mismatch, stripe_subscription_id"),
        "invoices": await rows("invoices", "stripe_invoice_id, status, number, amount_paid_minor, order_id, paid_at"),
        "subscriptions": await rows("subscriptions", "stripe_subscription_id, status, period_end, order_id"),
        "groups": await rows("payment_groups", "stripe_subscription_id, status, period_end, announced"),
        "payments": await rows("payments", "reference, status, amount_minor, order_id"),
        "facts": sorted(facts, key=str),
    }
