import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from services.identity.domain import USER_LIFECYCLE, Session, User, Verification, email_key, normalised_email
from services.identity.domain.attempts import network_of, subject_of
from services.identity.domain.sessions import token_hash
from services.identity.domain.verifications import VerificationPurpose

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Ada@EXAMPLE.com ", "Ada@example.com"),
        ("ada@bu\u0308cher.example.com", "ada@bücher.example.com"),
        ("ada+tag@example.com", "ada+tag@example.com"),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert normalised_email(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        *("", "ada", "@example.com", "ada@", "ada@example", "a b@example.com", "ada@127.0.0.1", "zoë@example.com"),
        *("ada@example.com,eve@example.com", "ada@example.com\r\nBcc: x@example.com", "Ada <ada@example.com>"),
        f"{'a' * 249}@b.com",
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValueError):
        normalised_email(given)


def test_addresses_that_differ_in_case_only_are_one() -> None:
    assert email_key("ÄDA@example.com") == email_key("äda@example.com")


def test_every_pair_of_state_and_verb_of_a_user() -> None:
    outcomes = {
        (state, verb): (USER_LIFECYCLE.after(state, verb), USER_LIFECYCLE.is_repeat(state, verb))
        for state in USER_LIFECYCLE.states
        for verb in USER_LIFECYCLE.verbs
    }
    assert outcomes == {("unverified", "verify"): ("active", False), ("active", "verify"): ("active", True)}


def test_verifying_twice_changes_a_person_once() -> None:
    user = User.register(email="ada@example.com", name="Ada", password_hash="x", at=NOW)
    assert not user.verified
    user.verify(NOW)
    version = user.version
    user.verify(NOW)
    assert user.verified
    assert user.version == version == 2


def test_a_session_lives_until_it_expires_idles_or_is_ended() -> None:
    session, _token = Session.open("usr_01h455vb4pex5vsknk084sn02q", None, None, NOW)
    moment = timedelta(microseconds=1)
    assert session.is_live(NOW + timedelta(days=3) - moment)
    assert not session.is_live(NOW + timedelta(days=3))
    session.last_seen_at = NOW + timedelta(days=13)
    assert session.is_live(NOW + timedelta(days=14) - moment)
    assert not session.is_live(NOW + timedelta(days=14))
    assert session.end(NOW)
    assert not session.end(NOW)
    assert not session.is_live(NOW)


def test_a_session_token_is_long_random_and_kept_as_a_hash() -> None:
    opened = [Session.open("usr_01h455vb4pex5vsknk084sn02q", None, None, NOW) for _ in range(50)]
    assert len({token for _session, token in opened}) == 50
    for session, token in opened:
        assert (len(token), token[:4]) == (47, "ezs_")
        assert session.token_hash == token_hash(token) == hashlib.sha256(token.encode()).digest()


@pytest.mark.parametrize(
    ("purpose", "lasts"),
    [
        ("verify_email", timedelta(hours=24)),
        ("reset_password", timedelta(minutes=30)),
        ("already_registered", timedelta(hours=24)),
    ],
)
def test_a_verification_is_pending_until_its_time_is_over(purpose: VerificationPurpose, lasts: timedelta) -> None:
    verification = Verification.request("usr_01h455vb4pex5vsknk084sn02q", purpose, NOW)
    assert verification.state(NOW + lasts - timedelta(microseconds=1)) == "pending"
    assert verification.state(NOW + lasts) == "expired"
    verification.voided_at = NOW
    assert verification.state(NOW) == "expired"
    verification.used_at = NOW
    assert verification.state(NOW) == "used"


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
    ],
)
def test_one_subscriber_is_one_network(ip: str, network: str) -> None:
    assert network_of(ip) == network


def test_a_counted_subject_does_not_show_what_it_was() -> None:
    assert b"ada" not in subject_of("ada@example.com")
    assert len(subject_of("x" * 1000)) == 32
