"""Callers for tests: signing keys as a deployment would have them, and tokens made with them."""

import json
from datetime import UTC, datetime

from shared.contracts.permissions import permissions_of
from shared.kernel import Principal, new_id
from shared.web.keys import generate_key
from shared.web.tokens import TokenSigner

_generated = {issuer: generate_key(issuer) for issuer in ("identity", "gateway", "catalog", "support")}
PRIVATE_KEYS = {issuer: private for issuer, (private, _public) in _generated.items()}
TOKEN_KEYS = json.dumps({"keys": [public for _private, public in _generated.values()]})


def customer(account_id: str | None = None, role: str = "owner") -> Principal:
    """A person acting for an account of their own."""
    return Principal(
        subject=new_id("usr"),
        name="Ada Lovelace",
        email="ada@example.com",
        account_id=account_id or new_id("acc"),
        account_name="Analytical Engines",
        role=role,
        session_id=new_id("ses"),
        permissions=permissions_of(role),
        authenticated_at=datetime.now(UTC),
    )


def staff(*roles: str) -> Principal:
    """A member of staff without an account."""
    return Principal(
        subject=new_id("usr"),
        name="Grace Hopper",
        email="grace@example.com",
        staff_roles=roles or ("admin",),
        permissions=permissions_of(None, roles or ("admin",)),
        authenticated_at=datetime.now(UTC),
    )


def bearer(principal: Principal) -> dict[str, str]:
    """The Authorization header that the gateway would send for this person."""
    return {"Authorization": f"Bearer {TokenSigner(PRIVATE_KEYS['identity']).for_person(principal)}"}


def service_bearer(issuer: str, audience: str) -> dict[str, str]:
    """The Authorization header with which one service calls another."""
    return {"Authorization": f"Bearer {TokenSigner(PRIVATE_KEYS[issuer]).for_service(audience)}"}
