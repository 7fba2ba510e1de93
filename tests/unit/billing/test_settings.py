"""Settings that cannot work are refused at start, and secrets do not show."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.billing.settings import BillingSettings
from tests.support.callers import TOKEN_KEYS

GOOD: dict[str, Any] = {
    "environment": "test",
    "token_keys": TOKEN_KEYS,
    "database_url": "postgresql://ez_billing:x@127.0.0.1/ez",
    "stripe_secret_key": "sk_test_1",
    "stripe_webhook_secrets": "whsec_a",
    "public_url": "https://shop.example/",
}


def test_what_a_deployment_needs_is_enough() -> None:
    settings = BillingSettings(**GOOD)
    assert settings.stripe_api_base == "https://api.stripe.com"
    assert settings.public_url == "https://shop.example"
    assert settings.webhook_secrets == ("whsec_a",)
    assert settings.livemode is False


def test_two_secrets_are_told_apart() -> None:
    assert BillingSettings(**{**GOOD, "stripe_webhook_secrets": "whsec_a, whsec_b"}).webhook_secrets == (
        "whsec_a",
        "whsec_b",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"stripe_webhook_secrets": ""},
        {"stripe_webhook_secrets": "  "},
        {"stripe_webhook_secrets": ","},
        {"stripe_secret_key": " "},
        {"stripe_api_base": "api.stripe.com"},
        {"public_url": "/orders"},
        {"public_url": "https://shop.example/?x=1"},
        {"stripe_livemode": True},
        {"stripe_secret_key": "sk_live_1", "stripe_livemode": False},
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BillingSettings(**{**GOOD, **changes})


def test_a_missing_webhook_secret_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BILLING_STRIPE_WEBHOOK_SECRETS", raising=False)
    with pytest.raises(ValidationError, match="stripe_webhook_secrets"):
        BillingSettings(**{name: value for name, value in GOOD.items() if name != "stripe_webhook_secrets"})


def test_a_live_key_means_real_money() -> None:
    assert BillingSettings(**{**GOOD, "stripe_secret_key": "rk_live_1"}).livemode is True


def test_printing_settings_shows_no_secret() -> None:
    assert "whsec_a" not in repr(BillingSettings(**GOOD))
    assert "sk_test_1" not in repr(BillingSettings(**GOOD))
