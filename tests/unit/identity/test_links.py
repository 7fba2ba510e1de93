import base64
from datetime import UTC, datetime

import pytest

from services.identity.adapters.links import LONGEST_TOKEN, Links
from services.identity.domain import Verification
from services.identity.domain.verifications import VerificationPurpose

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LINKS = Links("s" * 32, "https://shop.example")


def requested(purpose: VerificationPurpose = "verify_email") -> Verification:
    return Verification.request("usr_01h455vb4pex5vsknk084sn02q", purpose, NOW)


def test_a_token_leads_back_to_its_verification() -> None:
    verification = requested()
    token = LINKS.token(verification)
    assert len(token) == LONGEST_TOKEN
    assert "=" not in token
    assert LINKS.read(token, "verify_email") == verification.id


def test_a_token_is_bound_to_its_purpose_and_to_the_secret() -> None:
    token = LINKS.token(requested())
    assert LINKS.read(token, "reset_password") is None
    assert Links("t" * 32, "https://shop.example").read(token, "verify_email") is None


def test_no_single_changed_bit_is_accepted() -> None:
    raw = base64.urlsafe_b64decode(LINKS.token(requested()))
    for position in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[position // 8] ^= 1 << position % 8
        assert LINKS.read(base64.urlsafe_b64encode(bytes(changed)).decode(), "verify_email") is None


@pytest.mark.parametrize("token", ["", "A", "=" * 64, "A" * 64, "A" * 63, "A" * 68, "ä" * 64, "\x00" * 64, " " * 64])
def test_text_that_is_no_token_is_refused(token: str) -> None:
    assert LINKS.read(token, "verify_email") is None


def test_each_purpose_has_its_page() -> None:
    assert LINKS.url(requested("verify_email")).startswith("https://shop.example/verify?token=")
    assert LINKS.url(requested("reset_password")).startswith("https://shop.example/reset-password?token=")
    assert LINKS.url(requested("already_registered")) == "https://shop.example/sign-in"
