"""How signatures are compared, and what refused deliveries leave behind."""

import hmac
from typing import Any

import pytest
import stripe

from services.billing.adapters.payments import InvalidSignature
from services.billing.adapters.stripe import SignatureVerifier
from shared.kernel import SystemClock
from shared.telemetry.metrics import registry
from tests.api.billing.conftest import Billing, Shop
from tests.api.billing.pictures import opened
from tests.support.stripe_payloads import SECRET, event, session, signed


@pytest.mark.fault(3)
def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every comparison with the expected signature goes through hmac.compare_digest."""
    compared: list[tuple[Any, Any]] = []
    genuine = hmac.compare_digest

    def spy(left: Any, right: Any) -> bool:
        compared.append((left, right))
        return genuine(left, right)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    header = signed(b"{}")["Stripe-Signature"]
    expected = header.partition("v1=")[2]
    verifier = SignatureVerifier([SECRET], SystemClock())
    verifier.verify("{}", header)
    almost = expected[:-1] + ("0" if expected[-1] != "0" else "1")
    with pytest.raises(InvalidSignature):
        verifier.verify("{}", header.replace(expected, almost))
    assert compared == [(expected, expected), (expected, almost)]
    assert stripe.WebhookSignature.EXPECTED_SCHEME == "v1"


def _deliveries(outcome: str) -> float:
    return registry.get_sample_value("ez_stripe_deliveries_total", {"outcome": outcome}) or 0.0


@pytest.mark.fault(9)
async def test_an_event_of_the_other_mode_is_refused_and_shows_in_the_metrics(billing: Billing) -> None:
    before = _deliveries("livemode-mismatch")
    answer = await billing.deliver(event("customer.created", {"id": "cus_1"}, livemode=True))
    assert answer.status_code == 400
    assert await billing.count() == 0
    assert _deliveries("livemode-mismatch") == before + 1


@pytest.mark.fault(9)
@pytest.mark.fault(11)
async def test_a_payment_in_an_unknown_api_version_is_parked_and_pays_nothing(shop: Shop) -> None:
    _order, session_id = await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    paid = session(id=session_id, customer=row["stripe_customer_id"])
    made = event("checkout.session.completed", paid, api_version="2031-01-01.future")
    await shop.billing.apply(made)
    stored = await shop.billing.stored(made["id"])
    assert (stored.state, stored.failure_class) == ("parked", "needs_human")
    assert [row["status"] for row in await shop.billing.rows("checkouts", "status")] == ["open"]
    assert await shop.billing.facts("billing.checkout") == []
