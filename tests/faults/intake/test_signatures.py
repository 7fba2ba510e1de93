"""How signatures are compared, and what refused deliveries leave behind."""

import hmac
import time
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

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
    header = signed(b"{}")["Stripe-Signature"].encode()
    expected = header.partition(b"v1=")[2]
    verifier = SignatureVerifier([SECRET], SystemClock())
    verifier.verify(b"{}", header)
    almost = expected[:-1] + (b"0" if expected[-1:] != b"0" else b"1")
    with pytest.raises(InvalidSignature):
        verifier.verify(b"{}", header.replace(expected, almost))
    assert compared == [(expected, expected), (expected, almost)]
    assert stripe.WebhookSignature.EXPECTED_SCHEME == "v1"


_BODIES = st.text(max_size=60)
_ITEMS = st.lists(
    st.one_of(
        st.sampled_from(["t={now}", "t= {now}", "t=+{now}", "t=0{now}", "t={now}.0", "t=", "t", "v1", "v1=", "v1=é"]),
        st.sampled_from(
            ["v1={genuine}", "v1=x{genuine}", "v1={genuine}x", "v0={genuine}", " v1={genuine}", "v1={wrong}"]
        ),
        st.text(max_size=12),
    ),
    max_size=5,
)


@pytest.mark.fault(3)
@given(body=_BODIES, items=_ITEMS)
def test_whatever_we_accept_stripes_own_check_accepts_too(body: str, items: list[str]) -> None:
    """Ours may be stricter, never laxer; and what Stripe's SDK signs, both accept."""
    now = int(time.time())
    genuine = stripe.WebhookSignature.generate_signature_header(body, SECRET, now)
    values = {"now": now, "genuine": genuine.partition("v1=")[2], "wrong": "0" * 64}
    header = ",".join(_filled(item, values) for item in items)
    verifier = SignatureVerifier([SECRET], SystemClock())
    verifier.verify(body.encode(), genuine.encode())
    try:
        verifier.verify(body.encode(), header.encode("utf-8", "replace"))
    except InvalidSignature:
        return
    assert stripe.WebhookSignature.verify_header(body, header, SECRET)


def _filled(item: str, values: dict[str, Any]) -> str:
    for name, value in values.items():
        item = item.replace(f"{{{name}}}", str(value))
    return item


def _deliveries(outcome: str) -> float:
    return registry.get_sample_value("ez_stripe_deliveries_total", {"outcome": outcome}) or 0.0


@pytest.mark.fault(9)
async def test_an_event_of_the_other_mode_is_refused_and_shows_in_the_metrics(billing: Billing) -> None:
    before = _deliveries("livemode-mismatch")
    answer = await billing.deliver(event("customer.created", {"id": "cus_1"}, livemode=True))
    assert answer.status_code == 400
    assert await billing.count("stripe_events") == 0
    assert _deliveries("livemode-mismatch") == before + 1


@pytest.mark.fault(9)
@pytest.mark.fault(11)
async def test_a_payment_in_an_unknown_api_version_is_asked_for_in_ours_and_what_it_claims_pays_nothing(
    shop: Shop,
) -> None:
    _order, session_id = await opened(shop)
    [row] = await shop.billing.rows("checkouts", "stripe_customer_id")
    paid = session(id=session_id, customer=row["stripe_customer_id"])
    made = event("checkout.session.completed", paid, api_version="2031-01-01.future")
    await shop.billing.apply(made)
    stored = await shop.billing.stored(made["id"])
    assert (stored.state, stored.failure_class) == ("done", None)
    assert [row["status"] for row in await shop.billing.rows("checkouts", "status")] == ["open"]
    assert await shop.billing.facts("billing.checkout") == []
