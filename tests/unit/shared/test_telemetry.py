"""Secrets stay out of whatever is written down."""

import pytest

from shared.telemetry.redaction import MASK, redact, redact_text
from shared.telemetry.tracing import current_trace_id, current_traceparent, span

SECRETS = [
    "sk_live_abcDEF123",
    "whsec_0123456789abcdef",
    "ezs_" + "a" * 43,
    "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "PVEAPIToken=root@pam!ez=0000-1111",
    "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_free_text_is_masked(secret: str) -> None:
    text = redact_text(f"before {secret} after")
    assert secret not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


def test_a_password_in_an_address_is_masked_and_the_host_stays() -> None:
    assert redact_text("postgresql://ez:hunter2@db:5432/ez") == f"postgresql://{MASK}@db:5432/ez"


@pytest.mark.parametrize(
    "name", ["password", "Authorization", "stripe_signature", "webhook_secret", "api-key", "token"]
)
def test_a_value_under_a_telling_name_is_masked(name: str) -> None:
    assert redact({"outer": [{name: "anything"}]}) == {"outer": [{name: MASK}]}


def test_what_is_no_secret_is_left_alone() -> None:
    assert redact({"order": "ord_1", "count": 3, "tags": ["a"]}) == {"order": "ord_1", "count": 3, "tags": ["a"]}


def test_a_trace_continues_from_its_parent() -> None:
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    with span("child", parent):
        assert current_trace_id() == "a" * 32
        assert (current_traceparent() or "").startswith("00-" + "a" * 32)


def test_a_malformed_parent_starts_a_new_trace() -> None:
    with span("child", "nonsense"):
        assert current_trace_id() not in (None, "0" * 32)
