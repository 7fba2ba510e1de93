"""Facts that identity publishes."""

from typing import Literal

from shared.contracts.base import Event

VerificationPurpose = Literal["verify_email", "reset_password", "already_registered"]


class UserRegistered(Event, wire_type="identity.user.registered.v1", subject="user_id"):
    """Somebody signed up: a user, and the account (team) they own. The address is not verified yet."""

    user_id: str
    account_id: str
    account_name: str
    email: str
    name: str
    locale: str


class VerificationRequested(Event, wire_type="identity.verification.requested.v1", subject="verification_id"):
    """A mail must go out that proves control of an address. The link itself is asked from identity when it is sent."""

    verification_id: str
    purpose: VerificationPurpose
    user_id: str
    email: str
    name: str
    locale: str
