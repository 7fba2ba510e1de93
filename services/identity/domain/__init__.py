"""Rules and lifecycles of identity; no session, no network, no clock of its own."""

from services.identity.domain.attempts import SIGN_IN_PER_EMAIL, SIGN_IN_PER_IP, Attempt, Limit
from services.identity.domain.base import SCHEMA, Base
from services.identity.domain.emails import email_key, normalised_email
from services.identity.domain.people import USER_LIFECYCLE, Account, Membership, StaffMember, User, UserHistory
from services.identity.domain.sessions import Session
from services.identity.domain.ssh_keys import SshKey
from services.identity.domain.verifications import Verification

__all__ = [
    "SCHEMA",
    "SIGN_IN_PER_EMAIL",
    "SIGN_IN_PER_IP",
    "USER_LIFECYCLE",
    "Account",
    "Attempt",
    "Base",
    "Limit",
    "Membership",
    "Session",
    "SshKey",
    "StaffMember",
    "User",
    "UserHistory",
    "Verification",
    "email_key",
    "normalised_email",
]
