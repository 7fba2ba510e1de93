"""Which service owns which public path. What is not on this page does not get through."""

import re
from typing import get_args

from gateway.web.upstream import Service

# The first path segments below /api/v1, longest match first.
_OWNERS: dict[str, Service] = {
    "users": "identity",
    "password-resets": "identity",
    "sessions": "identity",
    "me": "identity",
    "ssh-keys": "identity",
    "plans": "catalog",
    "quotes": "catalog",
    "orders": "catalog",
    "invoices": "billing",
    "subscriptions": "billing",
    "services": "provisioning",
    "tickets": "support",
    "staff/accounts": "identity",
    "staff/orders": "catalog",
    "staff/entitlements": "catalog",
    "staff/plans": "catalog",
    "staff/stripe-events": "billing",
    "staff/subscriptions": "billing",
    "staff/ledger": "billing",
    "staff/clocks": "billing",
    "staff/services": "provisioning",
    "staff/jobs": "provisioning",
    "staff/providers": "provisioning",
    "staff/switches/provider-writes": "provisioning",
    "staff/switches/mail": "support",
    "staff/tickets": "support",
    "staff/notifications": "support",
    **{f"staff/dead-letters/{name}": name for name in get_args(Service)},
    **{f"staff/overview/{name}": name for name in get_args(Service)},
}

API = "/api/v1/"
WEBHOOK = "/webhooks/stripe"
# Ids, slugs and words only: nothing that could be read as another path by the service behind us.
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\Z")


def owner_of(path: str) -> Service | None:
    """The service that answers `path`, or None when the path is not public."""
    if path == WEBHOOK:
        return "billing"
    rest = path.removeprefix(API)
    if rest == path or not _PLAIN.match(rest):
        return None
    parts = rest.split("/")
    if any(part.strip(".") == "" for part in parts):
        return None
    for length in (3, 2, 1):
        owner = _OWNERS.get("/".join(parts[:length]))
        if owner is not None:
            return owner
    return None
