"""Which service owns which public path. What is not on this page does not get through."""

import re

from gateway.web.upstream import Service

# The first path segments below /api/v1, longest match first.
_OWNERS: dict[str, Service] = {
    "users": "identity",
    "password-resets": "identity",
    "sessions": "identity",
    "me": "identity",
    "plans": "catalog",
    "orders": "catalog",
    "staff/orders": "catalog",
    "staff/plans": "catalog",
    "invoices": "billing",
    "staff/stripe-events": "billing",
    "services": "provisioning",
    "staff/services": "provisioning",
    "staff/jobs": "provisioning",
    "tickets": "support",
    "staff/tickets": "support",
    "staff/notifications": "support",
    "staff/dead-letters/identity": "identity",
    "staff/dead-letters/billing": "billing",
    "staff/dead-letters/catalog": "catalog",
    "staff/dead-letters/provisioning": "provisioning",
    "staff/dead-letters/support": "support",
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
