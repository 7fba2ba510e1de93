"""Seam 7: one table of currencies, no price that cannot be charged, and every movement of money in the books."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from gateway.web.formatting import money
from services.support.adapters.rendering import Letter, Renderer
from shared.kernel import CURRENCIES, Money, charge_problem, new_id
from tests.api.billing.conftest import Shop, sandbox, shop, stripe_events
from tests.api.billing.pictures import opened
from tests.support.callers import bearer, staff
from tests.support.stripe_sandbox import RunningSandbox

__all__ = ["sandbox", "shop"]


def _receipt(amount: int, currency: str) -> str:
    context = {
        "number": "EZ-0007",
        "amount_minor": amount,
        "currency": currency,
        "paid_at": "2026-03-01T12:00:00Z",
        "hosted_invoice_url": None,
        "order_id": None,
    }
    at = datetime(2026, 3, 1, tzinfo=UTC)
    letter = Letter(new_id("ntf"), "receipt", "ada@example.com", "Ada", context, at)
    mail = Renderer("EZ <ez@example.com>", "https://shop.example").render(letter)
    part = mail.get_body(preferencelist=("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "ISK", "UGX", "HUF", "CHF", "XOF"])
def test_a_page_a_mail_and_a_message_write_an_amount_alike(currency: str) -> None:
    amount = 1_234_500
    text = str(Money(amount, currency))
    assert money({"amount_minor": amount, "currency": currency.lower()}) == text
    assert text in _receipt(amount, currency)


def _refused_prices() -> Iterator[tuple[str, int]]:
    for code in ("EUR", "KWD", "ISK", "HUF"):
        known = CURRENCIES[code]
        for amount in (known.minimum - known.step, known.largest + known.step, known.minimum + 1):
            if charge_problem(amount, code) is not None:
                yield code, amount


@pytest.mark.parametrize(("currency", "amount"), list(_refused_prices()))
async def test_a_price_that_got_past_everybody_waits_for_a_person_with_the_rule_it_breaks(
    shop: Shop, currency: str, amount: int
) -> None:
    """Staff cannot type such a price; one that an older version let through parks, and says why."""
    asked = shop.published(version=2, price_id=new_id("prc"), currency=currency, amount_minor=amount, setup_fee_minor=0)
    await shop.billing.hear(asked)
    await shop.billing.run_tasks()
    [task] = await shop.billing.rows("stripe_tasks WHERE state <> 'done'", "state, last_error")
    assert task["state"] == "parked"
    assert charge_problem(amount, currency) in task["last_error"]


@pytest.mark.parametrize(("currency", "price"), [("JPY", 1500), ("KWD", 1500), ("ISK", 150_000)])
async def test_a_purchase_in_a_currency_with_other_decimals_is_paid_and_booked_to_the_unit(
    shop: Shop, sandbox: RunningSandbox, currency: str, price: int
) -> None:
    shop.price_id = new_id("prc")
    await shop.billing.hear(shop.published(version=2, currency=currency, amount_minor=price, setup_fee_minor=0))
    await shop.billing.run_tasks()
    order, session_id = await opened(shop, currency=currency, total_minor=2 * price, unit_minor=price, fee_minor=0)
    await sandbox.pay(session_id)
    await shop.billing.apply(*await stripe_events(sandbox))
    [paid] = await shop.billing.facts("billing.checkout.paid")
    assert (paid["order_id"], paid["amount_minor"], paid["currency"]) == (order.order_id, 2 * price, currency)
    answer = await shop.billing.client.get("/api/v1/staff/ledger/balances", headers=bearer(staff()))
    held = {row["account"]: row["amount"] for row in answer.json()["data"] if row["amount"]["amount_minor"]}
    assert held == {
        "stripe_clearing": {"amount_minor": 2 * price, "currency": currency},
        "revenue": {"amount_minor": -2 * price, "currency": currency},
    }
