"""Facts that identity publishes."""

from datetime import datetime

from shared.contracts.base import Event


class UserRegistered(Event, wire_type="identity.user.registered.v1", subject="user_id", personal=True):
    """Somebody signed up: a user, and the account (team) they own. The address is not verified yet."""

    user_id: str
    account_id: str
    account_name: str
    email: str
    name: str
    locale: str


class VerificationRequested(
    Event, wire_type="identity.verification.requested.v1", subject="verification_id", personal=True
):
    """A mail must go out that proves control of an address. The link itself is asked from identity when it is sent."""

    verification_id: str
    purpose: str
    user_id: str
    email: str
    name: str
    locale: str


class AccountDescribed(Event, wire_type="identity.account.described.v1", subject="account_id", personal=True):
    """Whose an account is: what staff's lists show beside what it owns. The newest `described_at` counts."""

    account_id: str
    account_name: str
    owner_name: str
    owner_email: str
    described_at: datetime
